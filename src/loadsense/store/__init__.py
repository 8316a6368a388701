"""The store: people, sessions, what was measured and what was said of it, in a database with sample files beside it.

It knows no web. Everything that writes takes a `Writing` (one transaction, one user, one instant, with its audit rows);
everything that only reads takes an ORM session, `Reading`. What takes long (reading a file, running the engine) happens
before the transaction; so `importing` and `reanalysis` take the `Store` itself.

    store = open_store("loadsense.db", "data/")         a path, or a SQLAlchemy URL; the folder of the sample files
    with store.reading() as db:                         -> sqlalchemy.orm.Session, one consistent snapshot
        row = db.get(tables.PersonRow, "p017")
    with store.writing(by_user=1) as tx:                -> Writing: tx.db, tx.by_user, tx.at, tx.audit(...)
        people.create(tx, "p017", body_mass_kg=63.1)    commits at the end, or leaves nothing behind

`people`         who trains and what was said of her
    create(tx, id, *, group_id, body_mass_kg) -> PersonRow                  archive / bring_back(tx, id, version=)
    change(tx, id, *, version, group_id=, body_mass_kg=)                    Conflict where somebody else was faster
    create_group(tx, name, *, weekdays, tz) / change_group(tx, id, *, version, ...)
    screen(tx, id, screening) -> ScreeningRow                               screening: prescriptions.Screening
    add_one_rm(tx, id, one_rm)          one_rm: prescriptions.OneRepMax
    add_dxa(tx, id, DxaFacts(...))      add_note(tx, id, day, words)        remove_note(tx, note_id)
    report_pain(tx, id, PainFacts(...)) raises its flags                    report_adverse(tx, id, AdverseFacts(...))
    import_person(tx, path) -> id       the `--person` TOML of the command line
    person_at(db, id, day) -> prescriptions.Person                          as she was known on that local day
`prescribing`    what is asked of her
    prescribe(tx, id, Asked(from_day, plan, stage, ...)) -> PrescriptionRow  prescription_at(db, id, day)
    decide(tx, id, suggestion, Asked | None, decision=, reason=)            "accepted", "kept" or "set"; kept with a reason
    save_plan(tx, toml, *, version=None) -> PlanRow                         plan_named(db, name) -> prescriptions.Plan
    plan_names(db) -> tuple[str, ...]
`flags`          raise_flags(tx, person_id, flags, session_id=)             acknowledge(tx, id, note, version=)
    clear(tx, id, *, by, on, version)   by a clinician's name and date      open_flags(db, person_id)
`importing`      files and results in
    import_session(store, person_id, files, options=ImportOptions(...), by_user=) -> Imported(session_id, is_new, sentence)
    import_results(store, [SessionResults(person_id, report, ...)], by_user=) -> list[Imported]    already analyzed
`corrections`    add(store, session_id, Correction(...), by_user=) -> Corrected(correction_id, analysis_id, unmatched)
    undo(store, correction_id, by_user=)        change_session(store, session_id, *, version, loads_kg=, rpe=, ...)
`reanalysis`     reanalyze(store, change=Change(...), session_ids=None, dry_run=True, by_user=) -> Reanalysis(changes, ...)
`samples`        trace(store, sha256, t0_s=, t1_s=, n_points=) -> Trace(start_s, end_s, low_g, high_g)   one sensor
    session_traces(store, session_id, ...) -> {sensor: Trace}               recording_path(store, sha256)
`accounts`       create_user, set_password, set_role, disable; sign_in(store, login, password, address=, browser=) -> token
    session_user(store, token) -> SignedIn | None   sign_out, sign_out_everywhere; create_token(tx, ...) -> (row, token)
    token_user(store, token) -> TokenUser | None    revoke_token(tx, id)
`audit`          history(db, subject=None, limit=) -> list[AuditRow]
`backup`         backup(store, path, by_user=) -> Manifest                  restore(path, url_or_path, folder) -> Store
`erasure`        export_person(store, id, folder) -> Path                   erase_person(store, id, by_user=) -> Erased

Errors are those of `loadsense.errors`; `Conflict` is the one that says who changed what in the meantime.
"""

from loadsense.store.opening import Reading, Store, Writing, open_store

__all__ = ["Reading", "Store", "Writing", "open_store"]
