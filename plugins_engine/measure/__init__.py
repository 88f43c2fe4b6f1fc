"""What pictures show and how far they are apart: the judge, the metrics, and pages that report them."""
