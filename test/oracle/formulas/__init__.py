# Importing this package registers every formula.
from formulas import anchored, columns, combined, discovered, margin, reference_free  # noqa: F401
