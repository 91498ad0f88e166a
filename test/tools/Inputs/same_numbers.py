# Whether two JSON files, as `discoc --run` prints them, are of one shape and their numbers differ
# by at most TOLERANCE, relative to the larger number or to 1.
#   same_numbers.py FILE FILE TOLERANCE
import json
import sys


def differences(one, other, place=""):
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            yield f"{place}: {sorted(one)} and {sorted(other)}"
        for key in one.keys() & other.keys():
            yield from differences(one[key], other[key], f"{place}.{key}")
    elif isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            yield f"{place}: {len(one)} and {len(other)} entries"
        for i, (a, b) in enumerate(zip(one, other)):
            yield from differences(a, b, f"{place}[{i}]")
    elif isinstance(one, (int, float)) and isinstance(other, (int, float)):
        if not abs(one - other) <= float(sys.argv[3]) * max(1, abs(one), abs(other)):
            yield f"{place}: {one} and {other}"
    elif one != other:
        yield f"{place}: {one} and {other}"


with open(sys.argv[1]) as one, open(sys.argv[2]) as other:
    found = list(differences(json.load(one), json.load(other)))
print("\n".join(found))
sys.exit(bool(found))
