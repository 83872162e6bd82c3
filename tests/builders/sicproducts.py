"""Small files after the documented layout of the products, with the attributes of their manuals.

Only where a test says so is a product's own file read.
"""

import datetime

import netCDF4
import numpy as np
import pyproj
import rasterio
from rasterio.transform import from_origin

FILL = -32767


def nsidc_binary(path, *, hemisphere="north", values=None, columns=None, scale="00250"):
    height, width = {"north": (448, 304), "south": (332, 316)}[hemisphere]
    fields = ["00255", f"{columns or width:5d}", f"{height:5d}", "1.799", "39.43", "45.00"]
    fields += ["558.4", "154.0", "234.0", "SSMIS", "17 cn", "  032", "-9999", "-9999", "  032"]
    fields += ["-9999", "-9999", " 2015", "  032", "  000", scale]
    header = b"".join(f"{field:>5}".encode() + b"\0" for field in fields)
    header += b"  nt_20150201_f17_v01_n\0\0\0"[:24].ljust(24, b"\0")
    header = header.ljust(300, b"\0")
    if values is None:
        values = np.zeros((height, width), np.uint8)
    path.write_bytes(header + values.tobytes())
    return str(path)


def osisaf(path, proj4, mapping, cf, spacing_km, status, *, times=1, descending=True, title=""):
    """Write a file as OSI SAF does: km, int16 in 0.01 %, times x rows x columns."""
    rows, cols = 40, 30
    x_km = (np.arange(cols) - 10 + 0.5) * spacing_km
    y_km = (np.arange(rows)[::-1] - 15 + 0.5) * spacing_km
    if not descending:
        y_km = y_km[::-1]
    crs = pyproj.CRS.from_proj4(proj4)
    lonlat = pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    lon, lat = lonlat.transform(*np.meshgrid(x_km * 1000, y_km * 1000))
    sic = np.clip(np.add.outer(np.arange(rows), np.zeros(cols)) * 3.0 - 8, 0, 100)
    if not descending:
        sic = sic[::-1]
    raw = np.round(sic * 100).astype(np.int16)
    flags = np.zeros((rows, cols), np.int16)
    flags[:3, :5] = 1
    raw[:3, :5] = FILL
    with netCDF4.Dataset(path, "w") as d:
        d.title = title
        d.institution = "EUMETSAT OSI SAF"
        for name, size in (("time", None), ("yc", rows), ("xc", cols), ("nv", 2)):
            d.createDimension(name, size)
        d.createVariable(mapping, "i4").setncatts({**cf, "proj4_string": proj4})
        time = d.createVariable("time", "f8", ("time",))
        time.units = "seconds since 1978-01-01 00:00:00"
        time[:] = [1198670400 + 86400 * k for k in range(times)]  # 2015-12-26, noon
        time.bounds = "time_bnds"
        day = np.array([-43200, 43200])
        d.createVariable("time_bnds", "f8", ("time", "nv"))[:] = time[:][:, None] + day
        for name, values in (("xc", x_km), ("yc", y_km)):
            axis = d.createVariable(name, "f8", (name,))
            axis.units = "km"
            axis.standard_name = f"projection_{name[0]}_coordinate"
            axis[:] = values
        for name, values in (("lat", lat), ("lon", lon)):
            d.createVariable(name, "f4", ("yc", "xc"))[:] = values
        dims = ("time", "yc", "xc")
        conc = d.createVariable("ice_conc", "i2", dims, fill_value=FILL)
        conc.set_auto_maskandscale(False)
        conc.setncatts(
            {
                "standard_name": "sea_ice_area_fraction",
                "units": "%",
                "scale_factor": 0.01,
                "add_offset": 0.0,
                "grid_mapping": mapping,
                "ancillary_variables": "total_uncertainty status_flag",
            }
        )
        unfiltered = d.createVariable("ice_conc_unfiltered", "i2", dims, fill_value=FILL)
        unfiltered.setncatts({"standard_name": "sea_ice_area_fraction", "units": "%"})
        flag = d.createVariable("status_flag", "i2", dims)
        flag.setncatts(status)
        for k in range(times):
            conc[k] = np.where(raw == FILL, FILL, np.maximum(raw - 100 * k, 0))
            flag[k] = flags
    return sic


def add_field(path, name, values, like="ice_conc", **attributes):
    """Add a variable of the SIC's dimensions to a NetCDF file, the same at all times."""
    fill = attributes.pop("_FillValue", None)
    with netCDF4.Dataset(path, "a") as d:
        dims = d[like].dimensions
        field = d.createVariable(name, values.dtype, dims, fill_value=fill)
        field.set_auto_maskandscale(False)
        field.setncatts(attributes)
        field[:] = np.broadcast_to(values, d[like].shape)


CONFIDENCE = {
    "flag_values": np.arange(6, dtype=np.int8),
    "flag_meanings": "unprocessed erroneous unreliable acceptable good excellent",
}
"""Attributes of OSI-401's and OSI-408's confidence_level."""


def climate_record(path, *, names, qa, temporal, stdev, sic):
    """Write a file as NSIDC's G02202 is documented, its southern grid of 25 km.

    Args:
        names: Of the flags, the standard deviation and the days of interpolation: those of
            version 4 or of versions 5 and 6.
    """
    qa_name, stdev_name, temporal_name = names
    with netCDF4.Dataset(path, "w") as d:
        d.title = "NOAA/NSIDC Climate Data Record of Passive Microwave Sea Ice Concentration"
        d.platform = "DMSP 5D-3/F17 > Defense Meteorological Satellite Program-F17"
        for name, size in (("tdim", 1), ("y", 332), ("x", 316)):
            d.createDimension(name, size)
        time = d.createVariable("time", "f8", ("tdim",))
        time.units = "days since 1601-01-01 00:00:00"
        time[:] = netCDF4.date2num(datetime.datetime(2020, 1, 1), time.units)
        dims = ("tdim", "y", "x")
        for name, values in (("cdr_seaice_conc", sic), ("nsidc_nt_seaice_conc", sic)):
            conc = d.createVariable(name, "u1", dims, fill_value=255)
            conc.set_auto_maskandscale(False)
            conc.setncatts(
                {
                    "standard_name": "sea_ice_area_fraction",
                    "units": "1",
                    "scale_factor": np.float32(0.01),
                    "add_offset": np.float32(0),
                    "flag_values": np.array([251, 252, 253, 254], np.uint8),
                    "flag_meanings": "pole_hole lakes coastal land_mask",
                }
            )
            conc[0] = values
        flags = d.createVariable(qa_name, "u1", dims)
        flags.setncatts(
            {
                "flag_masks": np.array([1, 2, 4, 8, 16, 32, 64, 128], np.uint8),
                "flag_meanings": "BT_weather_filter_applied NT_weather_filter_applied"
                " Land_spillover_filter_applied No_input_data valid_ice_mask_applied"
                " spatial_interpolation_applied temporal_interpolation_applied"
                " melt_start_detected",
            }
        )
        flags[0] = qa
        d.createVariable(temporal_name, "u1", dims)[0] = temporal
        spread = d.createVariable(stdev_name, "f4", dims, fill_value=-1)
        spread.units = "1"
        spread[0] = stdev
    return str(path)


STATUS_401 = {
    "flag_values": np.array([0, 1, 2, 3], np.int16),
    "flag_meanings": "nominal land lake coast",
}
STATUS_450 = {
    "flag_masks": np.array([1, 2, 4, 8, 16, 32, 64, 128], np.int16),
    "flag_meanings": "land lake open_water_filtered land_spill_over high_t2m spatial_interp"
    " temporal_interp max_ice_climo",
}
STERE = {
    "grid_mapping_name": "polar_stereographic",
    "straight_vertical_longitude_from_pole": -45.0,
    "latitude_of_projection_origin": 90.0,
    "standard_parallel": 70.0,
    "semi_major_axis": 6378273.0,
    "semi_minor_axis": 6356889.44891,
}
STERE_PROJ4 = "+proj=stere +a=6378273 +b=6356889.44891 +lat_0=90 +lat_ts=70 +lon_0=-45"
LAEA = {
    "grid_mapping_name": "lambert_azimuthal_equal_area",
    "longitude_of_projection_origin": 0.0,
    "latitude_of_projection_origin": 90.0,
}
LAEA_PROJ4 = "+proj=laea +lon_0=0 +datum=WGS84 +ellps=WGS84 +lat_0=90.0"


def geotiff(path, values, *, nodata=None, crs="EPSG:3031", pixel_m=6250.0):
    """Write a raster in the projection and at the corner of NSIDC's southern grid."""
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=values.shape[0],
        width=values.shape[1],
        count=1,
        dtype=values.dtype,
        crs=crs,
        transform=from_origin(-3950000, 4350000, pixel_m, pixel_m),
        nodata=nodata,
    ) as dataset:
        dataset.write(values, 1)
    return str(path)


def place(product, lon, lat):
    """Return (row, col) of a longitude and latitude on a product's grid."""
    crs = pyproj.CRS.from_user_input(product.grid.crs)
    to_map = pyproj.Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True)
    col, row = ~product.grid.transform @ to_map.transform(lon, lat)
    return int(row), int(col)
