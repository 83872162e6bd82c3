"""XML of a product, read with entity expansion off, and errors that name file and element."""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from numpy.typing import NDArray

from ...errors import SeaIceError


class Node:
    """An XML element that knows its file, for messages.

    What looks up one element raises SeaIceError where there is none; `number`, `numbers` and
    `time` do where it holds anything else.

    Args:
        where: Product and file.
    """

    def __init__(self, element: Element, where: str) -> None:
        self.element = element
        self.where = where

    @property
    def name(self) -> str:
        """The element's name without its namespace."""
        return str(self.element.tag).rsplit("}", 1)[-1]

    def all(self, path: str) -> list[Node]:
        """Return all elements at a path."""
        return [Node(element, self.where) for element in self.element.findall(path)]

    def named(self, name: str) -> list[Node]:
        """Return all elements below this one with a name, whatever their namespace."""
        below = (Node(element, self.where) for element in self.element.iter())
        return [node for node in below if node.name == name]

    def one(self, path: str) -> Node:
        """Return the first element at a path."""
        found = self.element.find(path)
        if found is None:
            raise SeaIceError(
                f"{self.where}: <{self.name}> has no <{path}>; the file is not the Sentinel-1"
                " annotation it should be, or is incomplete: download the product again"
            )
        return Node(found, self.where)

    def text(self, path: str = ".") -> str:
        """Return the text of the element at a path."""
        return (self.one(path).element.text or "").strip()

    def number(self, path: str) -> float:
        """Return the finite number in the element at a path."""
        values = self.numbers(path)
        if values.size != 1:
            raise SeaIceError(f"{self.where}: <{path}> holds {values.size} numbers; expected one")
        return float(values[0])

    def numbers(self, path: str) -> NDArray[np.float64]:
        """Return the finite numbers, separated by blanks, in the element at a path."""
        text = self.text(path)
        try:
            values = np.array(text.split(), dtype=np.float64)
        except ValueError:
            values = np.array([np.nan])
        if not np.isfinite(values).all():
            raise SeaIceError(f"{self.where}: <{path}> holds {text[:40]!r}; expected numbers")
        return values

    def time(self, path: str) -> np.datetime64:
        """Return the time in the element at a path."""
        text = self.text(path)
        try:
            return np.datetime64(text.rstrip("Z"), "ns")
        except ValueError:
            raise SeaIceError(f"{self.where}: <{path}> holds {text[:40]!r}; expected a time") from (
                None
            )


def parse(data: bytes, where: str) -> Node:
    """Return the root element of an XML file.

    Args:
        data: The file's bytes.
        where: Product and file, for messages.

    Raises:
        SeaIceError: The bytes are no XML, or declare entities (which no product does).
    """
    try:
        return Node(fromstring(data, forbid_dtd=True), where)
    except DefusedXmlException as error:
        raise SeaIceError(
            f"{where}: declares a document type or entities, which no Sentinel-1 product does;"
            " do not trust this file"
        ) from error
    except (ParseError, ValueError) as error:
        raise SeaIceError(f"{where}: is not XML ({error}); download the product again") from error
