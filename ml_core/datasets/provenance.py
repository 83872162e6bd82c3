"""What scenes were made from, compared with the scenes that a network learnt or is to learn from.

Over water HV is mostly the radar's own noise. A network that learnt from HV whose noise was
subtracted sees raw HV several dB too bright there, which is the contrast of ice and water.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any  # a model card holds JSON

from ..errors import SeaIceError
from ..events import Reporter
from ..raster.acquisition import of_files, polarisations

Acquisition = Mapping[str, str]
"""The ``SEAICE_`` tags of a scene, as in `raster.acquisition`."""

_NOISE, _FLOOR = "SEAICE_NOISE", "SEAICE_FLOOR_DB"
_SENSOR = {"source": "SEAICE_SOURCE", "mode": "SEAICE_MODE", "platform": "SEAICE_PLATFORM"}

_MOST_NAMES = 5


@dataclass(frozen=True)
class KnownScenes:
    """Scenes that another is compared with; nothing is checked of which they say nothing.

    Attributes:
        acquisitions: Theirs.
        name: What messages call them.
    """

    acquisitions: Sequence[Acquisition]
    name: str

    @classmethod
    def of_training(cls, training: Mapping[str, Any], model: str) -> KnownScenes:
        """Return the scenes that a model card's ``training`` names; none for older cards."""
        scenes = training.get("scenes")
        known = [
            {name: text for name, text in acquisition.items() if isinstance(text, str)}
            for one in (scenes if isinstance(scenes, Sequence) else [training])
            if isinstance(one, Mapping)
            and isinstance(acquisition := one.get("acquisition"), Mapping)
        ]
        return cls(known, f"the scenes that {model} was trained on")

    def check(
        self, acquisition: Acquisition, label: str, report: Reporter, *, sensors: bool = True
    ) -> None:
        """Check that a scene was made as these were; warn of what else differs.

        Args:
            acquisition: Of the scene.
            label: What messages call it.
            report: Gets the warnings.
            sensors: Whether another mode or platform is warned of.

        Raises:
            SeaIceError: The thermal noise of a polarisation was handled otherwise.
        """
        text = self.contradiction(acquisition, label)
        if text:
            raise SeaIceError(text)
        for line in self._differences(acquisition, label, sensors):
            report.warning(line)

    def contradiction(self, acquisition: Acquisition, label: str) -> str:
        """Return in words that a scene's noise was handled otherwise, or nothing."""
        compared = self._noise(acquisition)
        for name, found, known in reversed(compared):
            if found and known and found not in known:
                return (
                    f"{label}: the thermal noise of {name} was handled as {found}, that of"
                    f" {self.name} as {_listed(known)}. Open water would look several dB brighter"
                    " or darker than there; import the scene again with Thermal noise ="
                    f" {_listed(compared[1][2] or known)}"
                )
        return ""

    def _noise(self, acquisition: Acquisition) -> list[tuple[str, str, set[str]]]:
        """Return polarisation, how its noise was handled, and how that of these scenes was.

        Of both polarisations, HV or VH last: by it Import Sentinel-1 calls the handling.
        """
        pairs = [_handling(one) for one in self.acquisitions]
        known = [{pair[k] for pair in pairs} - {""} for k in (0, 1)]
        return list(zip(polarisations(acquisition), _handling(acquisition), known, strict=True))

    def _differences(self, acquisition: Acquisition, label: str, sensors: bool) -> Iterator[str]:
        """Yield that a scene's noise handling is unknown, and what else it has that these lack."""
        unknown = [
            f"{name} {_listed(known)}"
            for name, found, known in self._noise(acquisition)
            if known and not found
        ]
        if unknown:
            yield (
                f"{label}: how its thermal noise was handled is unknown; that of {self.name}:"
                f" {', '.join(unknown)}. Where it is not the same, open water looks several dB"
                " brighter or darker"
            )
        known_values = [_values(one) for one in self.acquisitions]
        differing = []
        for name, value in _values(acquisition).items():
            known = {values[name] for values in known_values if name in values}
            if known and value not in known and (sensors or name not in _SENSOR):
                differing.append(f"{name} {value} ({', '.join(sorted(known))})")
        if differing:
            yield (
                f"{label}: differs from {self.name} (in brackets): {'; '.join(differing)}. What"
                " that changes is unknown"
            )


def check_alike(scenes: Mapping[str, Acquisition], label: str) -> None:
    """Check that the noise of all scenes was handled in the same way, as far as they say it.

    Args:
        scenes: Acquisitions by the scenes' names.
        label: What messages call the scenes together.

    Raises:
        SeaIceError: It was not.
    """
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, acquisition in scenes.items():
        groups[_handling(acquisition)].append(name)
    if any(len({pair[k] for pair in groups} - {""}) > 1 for k in (0, 1)):
        listed = "; ".join(
            f"{_both(pair, ('HH', 'HV'))}: {_cut(names)}"
            for pair, names in sorted(groups.items())
            if any(pair)
        )
        raise SeaIceError(
            f"{label}: the thermal noise of its scenes was handled differently ({listed}), so that"
            " open water looks several dB brighter in some than in others. Import them with one"
            " Thermal noise and add them again"
        )


def summary(acquisitions: Iterable[Acquisition]) -> dict[str, list[str]]:
    """Return what scenes were made from, for a page: label and all different values."""
    found: dict[str, set[str]] = defaultdict(set)
    for acquisition in acquisitions:
        names = polarisations(acquisition)
        texts = {
            "Platforms": acquisition.get("SEAICE_PLATFORM", ""),
            "Modes": acquisition.get("SEAICE_MODE", ""),
            "IPF": acquisition.get("SEAICE_IPF", ""),
            "Noise removal": _both(of_files(acquisition, _NOISE), names),
            "Floor [dB]": _both(of_files(acquisition, _FLOOR), names),
            "Resolution of import [m]": acquisition.get("SEAICE_RESOLUTION_M", ""),
            "Radio interference": _both(of_files(acquisition, "SEAICE_RFI"), names),
        }
        for label, text in texts.items():
            if text:
                found[label].add(text)
    return {label: sorted(texts) for label, texts in found.items()}


def _handling(acquisition: Acquisition) -> tuple[str, str]:
    """Return how the noise of both polarisations was handled; empty where unknown.

    The first word counts, none, esa or scaled: which of ESA's noise there is follows from the IPF.
    """
    copol, crosspol = (
        (noise.lower().replace(",", " ").split() or [""])[0]
        for noise in of_files(acquisition, _NOISE)
    )
    return copol, crosspol


def _values(acquisition: Acquisition) -> dict[str, str]:
    """Return what else is compared of a scene, as far as it is known."""
    found = {name: acquisition.get(tag, "") for name, tag in _SENSOR.items()}
    found["source"] = found["source"] or ("Sentinel-1" if found["platform"] else "")
    found["resolution of the import in m"] = acquisition.get("SEAICE_RESOLUTION_M", "")
    for name, text in zip(polarisations(acquisition), of_files(acquisition, _FLOOR), strict=True):
        found[f"floor of {name} in dB"] = text
    return {name: _number(text) for name, text in found.items() if text}


def _both(texts: tuple[str, str], names: tuple[str, str]) -> str:
    """Return the one text of both polarisations, or each that there is."""
    if texts[0] == texts[1]:
        return texts[0]
    return ", ".join(f"{name} {text}" for name, text in zip(names, texts, strict=True) if text)


def _listed(texts: Iterable[str]) -> str:
    return " or ".join(sorted(texts))


def _number(text: str) -> str:
    try:
        return f"{float(text):g}"
    except ValueError:
        return text


def _cut(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{', '.join(names[:_MOST_NAMES])}{more}"
