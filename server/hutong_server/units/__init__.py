"""Units of measurement by UCUM. The only importer of ucumvert and pint."""
