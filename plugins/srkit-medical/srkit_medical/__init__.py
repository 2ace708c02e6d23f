"""MRI and CT for srkit: NIfTI and MGH volumes, DICOM series."""
