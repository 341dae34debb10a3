"""A clinical table for generated cases: each value shifted by the finding, with wide overlap and some blanks."""

from __future__ import annotations

import numpy as np

# medians or means a finding: log-normal where a spread is a factor, normal otherwise
_AGE = {"normal": 50.0, "nodule": 64.0, "effusion": 69.0, "ground_glass": 55.0}  # years, spread 15
_CRP = {"normal": 5.0, "nodule": 8.0, "effusion": 18.0, "ground_glass": 42.0}  # mg/l, spread a factor of 2.7
_TEMPERATURE = {"normal": 36.8, "nodule": 36.8, "effusion": 37.0, "ground_glass": 37.7}  # °C, spread 0.6
_OXYGEN = {"normal": 96.8, "nodule": 96.2, "effusion": 94.2, "ground_glass": 93.2}  # %, spread 2.3
_PACK_YEARS = {"normal": 10.0, "nodule": 26.0, "effusion": 16.0, "ground_glass": 11.0}
_D_DIMER = {"normal": 0.4, "nodule": 0.6, "effusion": 1.1, "ground_glass": 0.8}  # mg/l, spread a factor of 2.5
BLANK = {"crp": 0.08, "temperature": 0.05, "oxygen_saturation": 0.05, "pack_years": 0.15, "d_dimer": 0.3}


def age_of(finding: str, rng: np.random.Generator) -> int:
    """An age in years from 18 to 95."""
    return int(np.clip(rng.normal(_AGE[finding], 15), 18, 95))


def values(finding: str, severity: float, rng: np.random.Generator) -> dict[str, str]:
    """Cells of the clinical columns; a severe finding shifts them further than a slight one."""
    pull = 0.5 + severity  # around 1
    normal = "normal"

    def shifted(table: dict[str, float]) -> float:
        return table[normal] + pull * (table[finding] - table[normal])

    smokes = rng.random() < (0.75 if finding == "nodule" else 0.45)
    crp = shifted({k: float(np.log(v)) for k, v in _CRP.items()}) + rng.normal(0, 1.0)
    d_dimer = shifted({k: float(np.log(v)) for k, v in _D_DIMER.items()}) + rng.normal(0, 0.9)
    found = {
        "crp": f"{np.clip(np.exp(crp), 0.3, 400):.1f}",
        "temperature": f"{np.clip(shifted(_TEMPERATURE) + rng.normal(0, 0.6), 35.5, 41):.1f}",
        "oxygen_saturation": f"{np.clip(shifted(_OXYGEN) + rng.normal(0, 2.3), 70, 100):.0f}",
        "pack_years": f"{rng.gamma(2, _PACK_YEARS[finding] / 2) if smokes else 0:.0f}",
        "d_dimer": f"{np.clip(np.exp(d_dimer), 0.1, 20):.2f}",
    }
    return {name: "" if rng.random() < BLANK[name] else cell for name, cell in found.items()}


def intensive_care(finding: str, severity: float, age: int, cells: dict[str, str], rng: np.random.Generator) -> bool:
    """Whether the patient comes to intensive care: for severe findings, low oxygen saturation, age and chance."""
    oxygen = float(cells["oxygen_saturation"] or 95)
    burden = {"normal": -0.7, "nodule": -0.4, "effusion": 2.4 * severity - 0.9, "ground_glass": 3.0 * severity - 0.9}
    score = -1.6 + burden[finding] + 0.3 * (94 - oxygen) + 0.03 * (age - 60)
    return bool(rng.random() < 1 / (1 + np.exp(-1.4 * score)))
