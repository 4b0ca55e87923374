"""Whether the settings in the manifests are ones that the program has."""

import re

_VARIABLE = re.compile(r"\bEARLYBIRD_([A-Z0-9]+(?:__[A-Z0-9_]+)+)\b")


def keys(example):
    """The keys of every section of the example configuration, those that are commented out as well."""
    found, section = {}, None
    for line in example.splitlines():
        if header := re.fullmatch(r"\[([a-z0-9_.]+)\]", line):
            section = found.setdefault(header[1], set())
        elif key := re.match(r"(?:# )?([a-z0-9_]+) = ", line):
            section.add(key[1])
    return found


def faults(where, text, known):
    """Variables that name no key of a section that there is."""
    for variable in sorted(set(_VARIABLE.findall(text))):
        section, _, key = variable.lower().replace("__", ".").rpartition(".")
        if section in known and key not in known[section]:
            yield f"{where}: EARLYBIRD_{variable}: no key {key} of [{section}] in node/earlybird.example.toml"
