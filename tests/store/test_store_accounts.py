"""Accounts: passwords, browsers, tokens, roles, and who guesses."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from loadsense.errors import Conflict, OptionError
from loadsense.store import accounts
from loadsense.store.accounts import NewUser, SignedIn
from loadsense.store.tables import ApiToken, AuditRow, SignInFailure, User, WebSession
from loadsense.store.times import now

PASSWORD = "correct horse battery"


@pytest.fixture
def owner(store):
    return accounts.create_owner(store, "anna", PASSWORD)


def sign_in(store, login="anna", password=PASSWORD, address="10.0.0.1"):
    return accounts.sign_in(store, login, password, address=address, browser="test")


def write(store, call, *args, **facts):
    with store.writing() as tx:
        return call(tx, *args, **facts)


def test_the_first_visitor_makes_the_owner_and_nobody_a_second_one(store):
    assert not accounts.any_user(store)
    accounts.create_owner(store, "anna", PASSWORD)
    assert accounts.any_user(store)
    with pytest.raises(OptionError, match="there is an owner already"):
        accounts.create_owner(store, "eve", PASSWORD)


def test_two_first_visitors_at_once_make_one_owner(store):
    results = []

    def make(login):
        try:
            results.append(accounts.create_owner(store, login, PASSWORD))
        except OptionError as refused:
            results.append(str(refused))

    threads = [threading.Thread(target=make, args=(f"user{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(one, int) for one in results) == 1


def test_passwords_are_not_in_the_database(store, owner):
    with store.reading() as db:
        assert db.get(User, owner).password_hash.startswith("$argon2id$")
    assert PASSWORD not in repr(NewUser(login="x", password=PASSWORD, role="coach"))


@pytest.mark.parametrize("password", ["short", "x" * 1001])
def test_a_password_too_short_or_long_is_refused(store, password):
    with pytest.raises(OptionError, match=f"a password of {len(password)} characters; expected 10 to 1000"):
        accounts.create_owner(store, "anna", password)


def test_accounts_that_cannot_be_are_refused(store, owner):
    for account, words in (
        (NewUser(login="ANNA", password=PASSWORD, role="coach"), "the login 'ANNA' is taken"),
        (NewUser(login=" ", password=PASSWORD, role="coach"), "a login of 0 characters"),
        (NewUser(login="ben", password=PASSWORD, role="admin"), "unknown role 'admin'"),
        (NewUser(login="ben", password=PASSWORD, role="athlete"), "an athlete's account needs her pseudonym"),
        (NewUser(login="ben", password=PASSWORD, role="coach", person_id="p021"), "no other account has one"),
        (NewUser(login="ben", password=PASSWORD, role="athlete", person_id="p999"), "nobody has the pseudonym"),
    ):
        with pytest.raises(OptionError, match=words):
            accounts.create_user(store, account)


def test_a_browser_is_known_by_its_token_until_it_signs_out(store, owner):
    token = sign_in(store)
    assert accounts.session_user(store, token) == SignedIn(user_id=owner, login="anna", role="owner", person_id=None)
    assert accounts.session_user(store, token + "x") is None
    with store.reading() as db:
        assert token not in [row.token_sha256 for row in db.scalars(select(WebSession))]
    accounts.sign_out(store, token)
    assert accounts.session_user(store, token) is None
    accounts.sign_out(store, token)


def test_a_wrong_login_and_a_wrong_password_get_the_same_sentence(store, owner):
    told = []
    for login, password in (("anna", "wrong password"), ("nobody", "wrong password"), ("anna", "x" * 2000)):
        with pytest.raises(OptionError, match="login or password is wrong") as refused:
            sign_in(store, login, password)
        told.append(str(refused.value))
    assert len(set(told)) == 1


def test_an_unused_browser_and_an_old_one_are_out(store, owner):
    for column, value in (("expires_at", now()), ("created_at", now() - accounts.LONGEST)):
        token = sign_in(store)
        with store.writing() as tx:
            tx.db.execute(update(WebSession).values({column: value}))
            tx.audit("test", "x")
        assert accounts.session_user(store, token) is None


def test_use_keeps_a_browser_signed_in(store, owner):
    token = sign_in(store)
    with store.writing() as tx:
        soon = now() + timedelta(minutes=5)
        tx.db.execute(update(WebSession).values(last_seen_at=now() - timedelta(hours=11), expires_at=soon))
        tx.audit("test", "x")
    assert accounts.session_user(store, token) is not None
    with store.reading() as db:
        assert db.scalars(select(WebSession)).one().expires_at > soon


def test_revoked_is_out_at_once(store, owner):
    other = accounts.create_user(store, NewUser(login="ben", password=PASSWORD, role="coach"))
    first, second = sign_in(store, "ben"), sign_in(store, "ben")
    write(store, accounts.sign_out_everywhere, other)
    assert accounts.session_user(store, first) is accounts.session_user(store, second) is None
    third = sign_in(store, "ben")
    accounts.set_password(store, other, "another password", by_user=owner)
    assert accounts.session_user(store, third) is None
    with pytest.raises(OptionError, match="login or password is wrong"):
        sign_in(store, "ben")
    fourth = sign_in(store, "ben", "another password")
    with store.reading() as db:
        version = db.get(User, other).version
    write(store, accounts.disable, other, version=version)
    assert accounts.session_user(store, fourth) is None
    with pytest.raises(OptionError, match="login or password is wrong"):
        sign_in(store, "ben", "another password")
    write(store, accounts.enable, other, version=version + 1)
    assert accounts.session_user(store, sign_in(store, "ben", "another password")).login == "ben"


def test_a_new_role_holds_from_the_next_request_on(store, owner):
    other = accounts.create_user(store, NewUser(login="ben", password=PASSWORD, role="coach"))
    token = sign_in(store, "ben")
    write(store, accounts.set_role, other, "viewer", version=1)
    assert accounts.session_user(store, token).role == "viewer"
    with pytest.raises(Conflict, match=r"user 2 was changed after you opened it: .*\(role\)"):
        write(store, accounts.set_role, other, "owner", version=1)


def test_one_owner_remains(store, owner):
    for call, facts in ((accounts.disable, {}), (accounts.set_role, {"role": "viewer"})):
        with pytest.raises(OptionError, match="this is the last owner"):
            write(store, call, owner, version=1, **facts)


def test_who_guesses_waits_longer_and_longer(store, owner):
    for _ in range(5):
        with pytest.raises(OptionError, match="login or password is wrong"):
            sign_in(store, password="wrong password")
    with pytest.raises(OptionError, match="too many wrong passwords; wait 1 s, then try again"):
        sign_in(store)  # even with the right one
    _let_pass(store, seconds=3)
    with pytest.raises(OptionError, match="login or password is wrong"):
        sign_in(store, password="wrong password")
    with pytest.raises(OptionError, match="too many wrong passwords; wait 2 s"):
        sign_in(store)
    _let_pass(store, seconds=3)
    assert sign_in(store)
    with store.reading() as db:
        assert db.scalars(select(SignInFailure)).all() == []


def test_an_address_is_slowed_over_many_logins(store, owner):
    for n in range(5):
        with pytest.raises(OptionError, match="login or password is wrong"):
            sign_in(store, f"user{n}", "wrong password")
    with pytest.raises(OptionError, match="too many wrong passwords"):
        sign_in(store)
    assert sign_in(store, address="10.0.0.2")


def _let_pass(store, *, seconds):
    """As if the failures lay further back."""
    with store.writing() as tx:
        for row in tx.db.scalars(select(SignInFailure)):
            row.last_at -= timedelta(seconds=seconds)
        tx.audit("test", "x")


def test_two_passwords_are_checked_at_once_and_no_more(monkeypatch):
    inside, most, lock = 0, 0, threading.Lock()
    gate = threading.Barrier(2, timeout=10)

    def check():
        nonlocal inside, most
        with accounts._one_of_two():
            with lock:
                inside += 1
                most = max(most, inside)
            gate.wait()  # both of a pair are inside before either leaves
            with lock:
                inside -= 1

    threads = [threading.Thread(target=check) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2


def test_a_token_has_scopes_and_is_revoked_at_once(store, owner):
    row, token = write(store, accounts.create_token, owner, "gateway", ["record", "live", "live"])
    found = accounts.token_user(store, token)
    assert (found.login, found.role, found.scopes) == ("anna", "owner", ("live", "record"))
    with store.reading() as db:
        kept = db.get(ApiToken, row.id)
        assert kept.last_used_at is not None
        assert token not in kept.token_sha256
    assert accounts.token_user(store, "ls_wrong") is None
    write(store, accounts.revoke_token, row.id)
    assert accounts.token_user(store, token) is None


def test_tokens_that_cannot_be_are_refused(store, owner):
    for facts, words in (
        ((owner, "", ["read"]), "a token without a name"),
        ((owner, "x", []), "a token that may do nothing"),
        ((owner, "x", ["write"]), "unknown scope 'write'"),
        ((99, "x", ["read"]), "there is no user 99"),
    ):
        with pytest.raises(OptionError, match=words):
            write(store, accounts.create_token, *facts)


def test_the_log_names_nobody_who_failed(store, owner):
    with pytest.raises(OptionError, match="login or password is wrong"):
        sign_in(store, "Maria Perez", "wrong password")
    with store.reading() as db:
        assert not [row for row in db.scalars(select(AuditRow)) if "Maria" in f"{row.subject} {row.detail}"]


def test_an_athlete_is_tied_to_her_pseudonym(store, owner):
    accounts.create_user(store, NewUser(login="mine", password=PASSWORD, role="athlete", person_id="p021"))
    assert accounts.session_user(store, sign_in(store, "mine")).person_id == "p021"
