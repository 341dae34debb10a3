"""Words of generated reports and histories: many ways to say the same, so that no phrase alone is the answer."""

from __future__ import annotations

HEADINGS = (
    ("HISTORY", "TECHNIQUE", "COMPARISON", "FINDINGS", "IMPRESSION"),
    ("CLINICAL INFORMATION", "TECHNIQUE", "COMPARISON", "FINDINGS", "CONCLUSION"),
    ("Indication", "Technique", "Comparison", "Findings", "Impression"),
    ("Clinical history", "Procedure", "Comparison", "Findings", "Opinion"),
)
TECHNIQUE = (
    "CT of the chest without contrast medium.",
    "Axial CT of the thorax, low dose, soft and sharp kernel.",
    "Unenhanced helical CT of the chest, reconstructed at {spacing:.0f} mm.",
    "Chest CT in inspiration, lying on the back.",
)
COMPARISON = ("None.", "None available.", "Chest radiograph of last year.", "Outside CT, images not available.")

# what brought the patient: the finding's own complaints, and complaints of anybody
COMPLAINTS = {
    "normal": ("chest pain after exercise", "check before surgery", "follow-up of asthma", "palpitations"),
    "nodule": ("weight loss", "blood in the sputum", "screening of a smoker", "hoarse voice for weeks"),
    "effusion": ("swollen legs", "cannot lie flat", "known heart failure", "dull percussion at the base"),
    "ground_glass": ("fever and dry cough", "loss of smell", "contact with an infected person", "fast breathing"),
}
ANYBODY = (
    "shortness of breath", "cough", "chest pain", "fatigue", "abnormal chest radiograph", "dyspnoea on exertion",
    "malaise for a week", "back pain", "rule out pneumonia", "rule out malignancy", "rule out pulmonary embolism",
)  # fmt: skip
HISTORY = (
    "{age} year old {person}: {a}.",
    "{person} of {age} years, {a} and {b}.",
    "{a}, {b}. {age} y.",
    "Presents with {a}; also {b}.",
    "{a}.",
)

SAID = {
    "nodule": (
        "There is a {size} mm solid nodule in the {lobe}.",
        "A {size} mm pulmonary nodule is seen in the {lobe}.",
        "Nodular lesion of {cm} cm in the {lobe}, of soft tissue density.",
        "Rounded focus measuring {size} mm in the {lobe}, not calcified.",
        "Within the {lobe} a well defined lesion of {size} mm.",
    ),
    "effusion": (
        "{amount} {side} pleural effusion, up to {size} mm deep.",
        "Free fluid in the {side} pleural space, {amount} in amount.",
        "Layering pleural fluid, {side}, {size} mm.",
        "The {side} costophrenic recess is filled by fluid to a depth of {size} mm.",
        "{amount} {side} hydrothorax.",
    ),
    "ground_glass": (
        "Patchy ground-glass opacities, {side}, {zone} predominance, about {percent} % of the lungs.",
        "Multifocal hazy areas of increased attenuation, {side}, through which vessels remain visible.",
        "GGO in the {side} lung fields, {zone} zone, extent {percent} %.",
        "Ill-defined ground glass change, {side}, mostly {zone}.",
        "Veil-like increase in density, {side}, in {percent} % of the parenchyma.",
    ),
    "normal": (
        "The lungs are clear.",
        "Both lungs are well aerated without focal abnormality.",
        "Lung parenchyma is unremarkable.",
        "Clear lungs and pleural spaces.",
    ),
}
CONCLUDED = {
    "nodule": (
        "Solitary pulmonary nodule, {lobe}; follow-up recommended.", "Nodule of {size} mm, {lobe}.",
        "Indeterminate focal lesion, {lobe}.",
    ),
    "effusion": ("{amount} {side} effusion.", "Pleural fluid, {side}.", "Hydrothorax, {side}."),
    "ground_glass": (
        "Ground-glass opacities, infectious or inflammatory.", "Findings suggest viral pneumonia.",
        "Interstitial change of ground glass type.",
    ),
    "normal": (
        "No acute disease of the chest.", "Normal examination.", "No significant abnormality.",
    ),
}  # fmt: skip
VAGUE = (
    "Opacity in the {part}, see comment.",
    "Area of abnormal density, {part}; assessment is limited by motion.",
    "Equivocal change in the {part}, to be correlated with the clinical findings.",
    "Questionable finding in the {part}.",
)
VAGUE_CONCLUDED = (
    "See comment. Clinical correlation is recommended.", "Indeterminate, suggest repeat examination.",
    "Non-specific change as described.", "Limited examination.",
)  # fmt: skip
PARTS = ("right lower lung", "left lower lung", "right lung", "left lung", "lung bases", "posterior lung")

DENIED = {
    "nodule": ("No suspicious nodule or mass.", "No pulmonary nodules.", "There is no focal lung lesion."),
    "effusion": (
        "No pleural effusion.",
        "No pleural or pericardial fluid.",
        "The pleural spaces are free of effusion.",
    ),
    "ground_glass": ("No ground-glass opacity or consolidation.", "No infiltrate.", "No hazy opacities."),
}
FORMERLY = {
    "nodule": "The nodule described formerly is no longer seen.",
    "effusion": "The former effusion has resolved.",
    "ground_glass": "The ground-glass change seen formerly has cleared.",
}
LOOKALIKE = {
    "granuloma": ("Calcified granuloma of {size} mm in the {lobe}, benign.", "Old calcified nodule, {lobe}."),
    "thickening": ("Mild pleural thickening, {side}.", "Old pleural scar on the {side} side, no free fluid."),
    "dependent": ("Dependent density at the bases, due to position.", "Gravity-dependent haze on both sides."),
    "atelectasis": ("Band of atelectasis at the {side} base.", "Linear scar or plate atelectasis, {side}."),
}
OTHERWISE = (
    "Heart size is normal.", "No pericardial effusion.", "The aorta is of normal calibre.", "No enlarged lymph nodes.",
    "Trachea and main bronchi are patent.", "No fracture or destruction of bone.", "Degenerative spine.",
    "Visible upper abdomen without abnormality.", "Thyroid unremarkable.", "No pneumothorax.", "Soft tissues normal.",
)  # fmt: skip
LOBES = {
    ("right", "upper"): "right upper lobe", ("right", "middle"): "middle lobe", ("right", "lower"): "right lower lobe",
    ("left", "upper"): "left upper lobe", ("left", "middle"): "lingula", ("left", "lower"): "left lower lobe",
}  # fmt: skip
