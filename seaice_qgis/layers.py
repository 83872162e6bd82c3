"""From QGIS layers to the descriptions that a worker opens them by, with what only QGIS knows."""

from __future__ import annotations

import os
from typing import Iterable, List, Optional, Tuple

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingUtils,
    QgsProviderRegistry,
    QgsRasterLayer,
    QgsRasterRange,
    QgsVectorFileWriter,
    QgsVectorLayer,
)

from .core import errors, jobs


def raster_source(layer: QgsRasterLayer, band: int, label: str) -> jobs.RasterSource:
    """Return the description of a band of a raster layer.

    Args:
        band: From 1.
        label: What messages call the parameter.

    Raises:
        SeaIceError: The layer is no file that GDAL opens, or has no such band.
    """
    provider = layer.dataProvider()
    if provider is None or provider.name() != "gdal":
        kind = provider.name() if provider else "unknown"
        raise errors.SeaIceError(
            f"{label}: the layer {layer.name()} is not a raster file (its source is of the kind"
            f" {kind}); save it as a GeoTIFF (Layer, Save As) and give that"
        )
    if not 1 <= band <= layer.bandCount():
        raise errors.SeaIceError(
            f"{label}: the layer {layer.name()} has {layer.bandCount()} band(s), but band {band}"
            " was asked for"
        )
    ranges = tuple(_bounds(each) for each in provider.userNoDataValues(band))
    path, options, _, _ = _decoded("gdal", layer)
    return jobs.RasterSource(
        path=path,
        band=band,
        name=layer.name(),
        crs=_crs(layer.crs(), provider.crs()),
        use_file_nodata=provider.useSourceNoDataValue(band),
        nodata=ranges,
        open_options=options,
    )


def vector_source(
    layer: QgsVectorLayer, label: str, context: Optional[QgsProcessingContext]
) -> jobs.VectorSource:
    """Return the description of a vector layer.

    A layer that is no file (a memory layer, a database, a web service) is saved to a temporary
    GeoPackage first, if a context is given.

    Raises:
        SeaIceError: The layer could not be saved.
    """
    provider = layer.dataProvider()
    if provider is None or provider.name() != "ogr":
        path = _export(layer, label, context) if context else layer.name()
        return jobs.VectorSource(path=path, name=layer.name())
    path, _, name, subset = _decoded("ogr", layer)
    return jobs.VectorSource(
        path=path,
        layer=name,
        name=layer.name(),
        crs=_crs(layer.crs(), provider.crs()),
        where=subset,
    )


def open_layer(path: str, layers: Iterable[QgsMapLayer]) -> Optional[str]:
    """Return the name of the layer that has a file open, if there is one."""
    for layer in layers:
        provider = layer.dataProvider()
        if provider is not None and provider.name() in ("gdal", "ogr"):
            source = _decoded(provider.name(), layer)[0]
            if same_file(source, path):
                return str(layer.name())
    return None


def same_file(one: str, other: str) -> bool:
    """Return whether two paths are one file, also where it does not exist yet."""
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return _real(one) == _real(other)


def _real(path: str) -> str:
    return os.path.normcase(os.path.realpath(path))


def _decoded(provider: str, layer: QgsMapLayer) -> Tuple[str, Tuple[str, ...], str, str]:
    """Return a layer's GDAL path, open options, layer name and subset."""
    parts = QgsProviderRegistry.instance().decodeUri(provider, layer.source())
    path = str(parts.get("path") or layer.source())
    prefix, suffix = parts.get("vsiPrefix") or "", parts.get("vsiSuffix") or ""
    name = str(parts.get("layerName") or "")
    if prefix or suffix:
        path = f"{prefix}{path}{suffix}"
    elif os.path.exists(path):
        path = os.path.abspath(path)
    if provider == "gdal" and name:
        path, name = f"GPKG:{path}:{name}", ""
    options = tuple(str(option) for option in parts.get("openOptions") or ())
    return path, options, name, str(parts.get("subset") or "")


def _crs(layer: QgsCoordinateReferenceSystem, file: QgsCoordinateReferenceSystem) -> str:
    """Return a layer's CRS as `RasterSource` wants it."""
    if not layer.isValid():
        return ""
    if layer == file:
        return str(jobs.FROM_FILE)
    return crs_text(layer)


def crs_text(crs: QgsCoordinateReferenceSystem) -> str:
    """Return a CRS as an authority code that others know too, or else as WKT."""
    authority = crs.authid()
    if authority and not authority.upper().startswith("USER:"):
        return str(authority)
    return str(crs.toWkt(QgsCoordinateReferenceSystem.WktVariant.WKT2_2019))


def _bounds(each: QgsRasterRange) -> Tuple[float, float]:
    """Return a nodata range with an infinite end where it is open."""
    low, high = each.min(), each.max()
    return (
        float("-inf") if low != low else float(low),
        float("inf") if high != high else float(high),
    )


def _export(layer: QgsVectorLayer, label: str, context: QgsProcessingContext) -> str:
    path = QgsProcessingUtils.generateTempFilename(f"{layer.id()}.gpkg")
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName, options.layerName = "GPKG", "layer"
    result: List[object] = list(
        QgsVectorFileWriter.writeAsVectorFormatV3(layer, path, context.transformContext(), options)
    )
    if result[0] != QgsVectorFileWriter.WriterError.NoError:
        raise errors.SeaIceError(
            f"{label}: the layer {layer.name()} could not be saved to a file ({result[1]});"
            " save it as a GeoPackage and give that"
        )
    return path
