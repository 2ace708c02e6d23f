"""DICOM series: discovery by content, geometry from positions, and output after a fixed table of attributes."""
