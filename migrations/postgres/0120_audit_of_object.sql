-- Who halted what is asked for by every list of engines and accounts.
CREATE INDEX audit_of_object ON audit (object, seq);
