-- Made where they are missing, at every start.

CREATE INDEX IF NOT EXISTS records_external_reference ON records (connection, external_reference)
  WHERE external_reference <> '';
