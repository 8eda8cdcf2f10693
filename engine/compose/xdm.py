"""IHE_XDM.ZIP: the folders of the media profile around one CDA.

Source  IHE ITI TF-2 ITI-32 "ZIP over email": ISO 9660 level 1 names, one submission set.
The PDF travels beside the zip, not in it: inside, it would need a document entry of its own.
"""

import io
import zipfile
from html import escape
from typing import Final

from engine.compose.cda import structured
from engine.compose.metadata import render_metadata
from engine.compose.shop import Shop
from engine.model.letter import Letter

SUBSET: Final = "IHE_XDM/SUBSET01/"
DOCUMENT: Final = "DOC0001.XML"
METADATA: Final = SUBSET + "METADATA.XML"

_INDEX: Final = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML Basic 1.0//EN" "http://www.w3.org/TR/xhtml-basic/xhtml-basic10.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="fr">
<head><title>IHE XDM</title></head>
<body>
<h1>{hospital}</h1>
<p>{title}</p>
<ul>
<li><a href="README.TXT">README.TXT</a></li>
<li><a href="{subset}{document}">{document}</a></li>
</ul>
</body>
</html>
"""

_LEVEL_1: Final = (
    "niveau 1 ; il contient la lettre au format PDF/A-1. Le même PDF est joint au message."
)
_LEVEL_3: Final = (
    "niveau 3 (LDL-SES 2022.01). La lettre est aussi jointe au message, au format PDF/A-1."
)
_README: Final = """Émetteur
  {hospital} (FINESS {finess})
  Adresse sécurisée : {address}

Application de l'émetteur
  Relais

Instructions
  Ce dossier compressé suit le profil IHE XDM (ITI-32). Le document est au format CDA R2 de
  {level}

Arborescence
  INDEX.HTM
  README.TXT
  IHE_XDM/SUBSET01/METADATA.XML
  IHE_XDM/SUBSET01/{document}
"""


def render_xdm(letter: Letter, cda: bytes, shop: Shop) -> tuple[bytes, bytes]:
    """Pack a CDA: (zip, METADATA.XML). Same arguments, same bytes.

    Nothing but the CDA and its metadata names the patient.
    """
    metadata = render_metadata(letter, cda, DOCUMENT, shop)
    unit = letter.unit
    index = _INDEX.format(
        hospital=escape(unit.hospital, quote=False),
        title=escape(shop.patterns[letter.kind].sheet.title, quote=False),
        subset=SUBSET,
        document=DOCUMENT,
    )
    readme = _README.format(
        hospital=unit.hospital,
        finess=unit.finess,
        address=unit.secure_address,
        document=DOCUMENT,
        level=_LEVEL_3 if structured(letter) else _LEVEL_1,
    )
    # DOS times know no zone and no odd second: local time of the hospital, rounded down.
    local = letter.issued_at.astimezone(shop.zone)
    stamp = (local.year, local.month, local.day, local.hour, local.minute, local.second // 2 * 2)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in (
            ("INDEX.HTM", index.encode()),
            ("README.TXT", readme.replace("\n", "\r\n").encode()),
            (METADATA, metadata),
            (SUBSET + DOCUMENT, cda),
        ):
            entry = zipfile.ZipInfo(name, stamp)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, compresslevel=6)
    return packed.getvalue(), metadata
