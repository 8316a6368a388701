"""The store: people, sessions, what was measured and what was said of it, in a database with sample files beside it.

It knows no web; times are instants in UTC, days are local ones. Everything that writes takes a `Writing` (one
transaction, one user, one instant, with its audit rows); everything that only reads takes an ORM session, `Reading`.
What takes long (reading a file, running the engine) happens before the transaction; so `importing`, `corrections` and
`reanalysis` take the `Store` itself.

    store = open_store("loadsense.db", "data/")         a path, or a SQLAlchemy URL; the folder of the sample files
    with store.reading() as db:                         -> sqlalchemy.orm.Session, one consistent snapshot
        row = db.get(tables.PersonRow, "p017")
    with store.writing(by_user=1) as tx:                -> Writing: tx.db, tx.by_user, tx.at, tx.audit(...)
        people.create(tx, "p017", body_mass_kg=63.1)    commits at the end, or leaves nothing behind

`people`         who trains and what was said of her
    create(tx, id, *, group_id, body_mass_kg) -> PersonRow       archive / bring_back(tx, id, version=)
    change(tx, id, *, version, group_id=, body_mass_kg=)         Conflict where somebody else was faster
    create_group(tx, name, *, weekdays, tz)                      change_group(tx, group_id, *, version, ...)
    screen(tx, id, Screening(...))                               (knowing.screening_from(row.answers) -> Screening)
    add_one_rm(tx, id, OneRepMax(...))                           import_person(tx, path) -> id    (`--person` TOML)
    person_at(db, id, day) -> prescriptions.Person               as she was known on that local day
`knowing`        Known(db, ids)    the same for many people and days, read once: person, screening, asked, plan
`wellbeing`      report_pain(tx, id, PainFacts(...)), add_pain_after_24h(tx, pain_id, score), and
    report_adverse(tx, id, AdverseFacts(...)) raise their flags; add_dxa(tx, id, DxaFacts(...))
    add_note(tx, id, day, words)                                 remove_note(tx, note_id)
`prescribing`    prescribe(tx, id, Asked(from_day=, plan=, stage=, ...), reason=) -> PrescriptionRow
    decide(tx, id, Decision(suggestion=, decision=, reason=, from_day=), asked=None)   a kept one needs a reason
    prescription_at(db, id, day)     save_plan(tx, toml, version=None)     plan_named(db, name)     plan_names(db)
`flags`          raise_flags(tx, id, flags, session_id=)  acknowledge(tx, flag_id, note, version=)  open_flags(db, id)
    clear(tx, flag_id, *, by, on, version)                       by a clinician's name and day; only this unlocks
`importing`      import_session(store, id, files, options=ImportOptions(..., progress=), by_user=) -> Imported
    import_results(store, [SessionResults(person_id=, report=, ...)], by_user=) -> tuple[Imported, ...]
`joining`        add_file(store, session_id, SensorFile(...), progress=, by_user=) -> Imported    hip first, wrist later
`corrections`    add(store, session_id, Correction(...), by_user=) -> Corrected     undo(store, correction_id, by_user=)
    change_session(store, session_id, *, version, by_user=, **what)   loads_kg, rpe, rpe_scale, note, block_confirmed
`reanalysis`     reanalyze(store, Change(...), session_ids=None, dry_run=True, by_user=) -> Reanalysis
`samples`        trace(store, sha256, t0_s=, t1_s=, n_points=) -> Trace         session_traces(store, session_id, ...)
    recording_path(store, sha256)                                rebuild_envelopes(store)
`accounts`       any_user(store), create_owner(store, login, password), create_user(store, NewUser(...), by_user=)
    set_password(store, user_id, password, by_user=)             set_role, disable, enable (tx, user_id, version=)
    sign_in(store, login, password, address=, browser=) -> token    session_user(store, token) -> SignedIn | None
    sign_out(store, token)   sign_out_everywhere(tx, user_id)    create_token(tx, user_id, name, scopes) -> (row, token)
    token_user(store, token) -> TokenUser | None                 revoke_token(tx, token_id)
`audit`          history(db, subject=, person_id=, limit=) -> tuple[AuditRow, ...]
`backup`         backup(store, path, by_user=) -> Manifest       restore(path, url_or_path, folder) -> Store
`erasure`        export_person(store, id, folder)                erase_person(store, id, by_user=) -> Erased

Importing, correcting and judging anew also bring the flags between her sessions in line (`across`): too soon, after a
break, more than one step in a week. A flag whose `withdrawn_at` is set is not raised any more by the latest analysis of
its session; leave it out.
Errors are those of `loadsense.errors`; `Conflict` is the one that says who changed what in the meantime.
"""

from loadsense.store.opening import Reading, Store, Writing, open_store

__all__ = ["Reading", "Store", "Writing", "open_store"]
