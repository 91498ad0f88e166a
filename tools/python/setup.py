"""Tells setuptools that the package holds machine code, built before by CMake."""

from setuptools import Distribution, setup


class Binary(Distribution):
    """A distribution whose wheel is for one platform and version of Python."""

    def has_ext_modules(self) -> bool:
        return True


setup(distclass=Binary)
