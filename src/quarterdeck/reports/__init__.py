"""Reports: what a desk did, from its journal and from what its venues say."""
