"""Speed, each figure beside a floor measured in the same run. Not tests: machines are shared and noisy."""
