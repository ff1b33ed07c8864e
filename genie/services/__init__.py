"""Use cases: one verb, one file, one public function named for it."""
