"""YAML files as records with places.

Scalars are taken as written: what they mean is said by the field that holds them (a code "010" stays "010").
Anchors and aliases are refused, so that a file is what it looks like.
"""

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from hutong_server.catalog.source import Faults, Many, Place, Record, Text, Value

MAX_DEPTH = 20

# The C parser where PyYAML was built with it: ten times faster, same events and places.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(name: str, text: str, faults: Faults) -> Record | None:
    """The file's top record; None when it is empty or cannot be read (the fault is noted)."""
    try:
        if not _sound(name, text, faults):
            return None
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        faults.add(_place(name, mark), f"not YAML: {error.problem or error.context}")
        return None
    except yaml.YAMLError as error:
        faults.add(Place(name, 1, 1), f"not YAML: {getattr(error, 'reason', 'cannot be read')}")
        return None
    if node is None:
        return None
    value = _value(name, node, faults)
    if isinstance(value, Record):
        return value
    faults.add(_place(name, node.start_mark), "the file must be a mapping of sections")
    return None


def _sound(name: str, text: str, faults: Faults) -> bool:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            faults.add(_place(name, event.start_mark), f"nested deeper than {MAX_DEPTH}")
            return False
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            faults.add(_place(name, event.start_mark), "anchors and aliases are not used in catalogue files")
            return False
    return True


def _place(name: str, mark: object) -> Place:
    return Place(name, getattr(mark, "line", 0) + 1, getattr(mark, "column", 0) + 1)


def _value(name: str, node: Node, faults: Faults) -> Value:
    place = _place(name, node.start_mark)
    if isinstance(node, SequenceNode):
        return Many(tuple(_value(name, each, faults) for each in node.value), place)
    if isinstance(node, MappingNode):
        fields: dict[str, tuple[Place, Value]] = {}
        for key, value in node.value:
            key_place = _place(name, key.start_mark)
            if not isinstance(key, ScalarNode):
                faults.add(key_place, "a field's name must be a word")
            elif key.value in fields:
                faults.add(key_place, f'"{key.value}" stands here twice')
            else:
                fields[key.value] = (key_place, _value(name, value, faults))
        return Record(fields, place)
    if node.tag == "tag:yaml.org,2002:null":
        return Text("", place)
    return Text(str(node.value).strip(), place)
