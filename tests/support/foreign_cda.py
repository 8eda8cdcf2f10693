"""CDA documents as another software would write them: invented, and no more than the body."""


def section(code: str, title: str, text: str, *entries: str) -> str:
    """One component of a structured body."""
    held = "".join(f"<entry>{one}</entry>" for one in entries)
    return (
        f'<component><section><code code="{code}" codeSystem="2.16.840.1.113883.6.1"/>'
        f"<title>{title}</title>{text}{held}</section></component>"
    )


def document(*sections: str) -> bytes:
    """A ClinicalDocument of these sections."""
    return (
        '<ClinicalDocument xmlns="urn:hl7-org:v3" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><component><structuredBody>'
        + "".join(sections)
        + "</structuredBody></component></ClinicalDocument>"
    ).encode()
