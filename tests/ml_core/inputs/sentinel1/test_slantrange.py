import numpy as np
import pytest

from ml_core.inputs.sentinel1.annotation import read_annotation
from ml_core.inputs.sentinel1.product import Product
from ml_core.inputs.sentinel1.slantrange import SlantRange
from tests.builders.safe import MadeUp, real_annotation


@pytest.mark.parametrize("conversion", [True, False])
def test_it_comes_from_polynomials_or_else_from_the_nodes(tmp_path, conversion):
    product = MadeUp(conversion=conversion, samples=2000, node_step=(100, 500))
    annotation = read_annotation(Product(str(product.write(tmp_path))).files("HH").annotation)
    assert (annotation.conversion is not None) == conversion
    slant_range = SlantRange(annotation, annotation.grid)
    pixel = np.linspace(0, 1999, 400)
    line = np.full(400, 77.0)
    found = slant_range.at(line, pixel)
    assert found == pytest.approx(product.slant_range_m(pixel), abs=0.2)
    assert slant_range.pixel(line, found) == pytest.approx(pixel, abs=1e-6)


@pytest.mark.skipif(real_annotation() is None, reason="SEAICE_TEST_DATA is not set")
def test_at_a_record_it_is_the_polynomial_moved_to_the_nodes():
    product = Product(str(real_annotation()))
    annotation = read_annotation(product._parse(product._find("product", "HH")))
    slant_range = SlantRange(annotation, annotation.grid)
    conversion, grid = annotation.conversion, annotation.grid
    # a record's line, and a node's column: what the nodes add is linear between their lines
    record = int(np.flatnonzero(conversion.line > grid.line[3])[0])
    line, column = conversion.line[record], 7
    pixel = grid.pixel[column]

    def polynomial(k):
        ground = pixel * annotation.range_spacing_m - conversion.origin_m[k]
        return np.polyval(conversion.coefficients[k][::-1], ground)

    def at_node(row):
        k = int(np.searchsorted(conversion.line, grid.line[row]))
        share = (grid.line[row] - conversion.line[k - 1]) / np.diff(conversion.line)[k - 1]
        return (1 - share) * polynomial(k - 1) + share * polynomial(k)

    rest = [grid.slant_range_m[row, column] - at_node(row) for row in (3, 4)]
    share = (line - grid.line[3]) / (grid.line[4] - grid.line[3])
    expected = polynomial(record) + (1 - share) * rest[0] + share * rest[1]
    found = slant_range.at(np.array([line]), np.array([pixel]))
    # the table's columns stand 16 pixels apart
    assert found == pytest.approx(expected, abs=0.1)
