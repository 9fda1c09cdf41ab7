-- The sessions on AWS that may live under a grant's name, as a JSON list.
ALTER TABLE grants ADD COLUMN sessions TEXT NOT NULL DEFAULT '[]';
