# The examples of the package's README, run and compared with what it shows.
import doctest
import pathlib
import unittest

README = pathlib.Path(__file__).parents[2] / "tools" / "python" / "README.md"


def load_tests(_loader, tests, _pattern):
    tests.addTests(
        doctest.DocFileSuite(str(README), module_relative=False, optionflags=doctest.ELLIPSIS)
    )
    return tests


if __name__ == "__main__":
    unittest.main()
