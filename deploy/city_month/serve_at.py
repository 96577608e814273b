"""hutong-server by the clock of a made month: `python serve_at.py CLOCK serve`.

The registry itself, as it is; only the function that it asks for the time is another one. Nothing of the server reads
any other wall clock, so that windows, days of decisions and statistics are those of the month.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

if __name__ == "__main__":  # documents are read by a process of their own, which reads this file again
    from clock import Clock
    from hutong_server import app
    from hutong_server.__main__ import main

    app.now = Clock(Path(sys.argv.pop(1))).read
    main()
