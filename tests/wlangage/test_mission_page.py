"""The two examples of the reference page of EmailOuvreSessionSMTP, line for line in Python, and nothing else changed.

`SI … ALORS` is `if …:`, the `=` of a comparison is `==`, `soit x = y` is `x = y`, `...` at a line's end is `\\`, and a
doubled quotation mark is `\\"`. Host names and ports are the page's own: in this process they lead to a server on
loopback. The page declares sServeursSMTP and uses sServeurSMTP: its own slip, so that the test declares the second.
"""

from __future__ import annotations

from email import message_from_bytes, policy
from typing import Any

import pytest

from courriel.wlangage import *
from wlangage.post_office import Authority, PostOffice

# ruff: noqa: F403, F405, W191, E712, F841, ISC003, N803, N806 - the page's own layout is what is tested, star included
# fmt: off


def exemple_1(Initialise_Email: Any, sNomUser: str, sMotDePasse: str, sServeurSMTP: str) -> None:
	# Envoi d'un email par un serveur SMTP non sécurisé
	EmailChangeTimeOut(10) # 10 secondes pour le time out
	# Attention : il faut utiliser le serveur SMTP du fournisseur d'accès Internet
	sServeursSMTP = "smtp.orange.fr"
	if EmailOuvreSessionSMTP(sNomUser, sMotDePasse, sServeurSMTP) == Vrai:
		# Procédure permettant d'initialiser la structure email
		Initialise_Email()
		# Envoie l'email
		if EmailEnvoieMessage(sNomUser) == Faux:
			Erreur()
		EmailFermeSession(sNomUser)
	else:
		Erreur("Impossible d'établir la connexion", ErreurInfo(), \
			"En cas de Time Out, assurez-vous des paramètres du " + \
			"\"Pare-Feu\" sur le port utilisé (25)")


def exemple_2(Initialise_Email: Any) -> None:
	NomUser: str

	NomUser = "monadresse@gmail.com"
	# Envoi d'un email par le protocole SMTP sécurisé
	EmailChangeTimeOut(10) # 10 secondes pour le time out
	# Utilisation d'un serveur SMTP sécurisé avec authentification
	# Nécessaire en général pour utiliser un SMTP
	# différent de celui du fournisseur d'accès Internet
	if EmailOuvreSessionSMTP(NomUser, "MotDePasse", \
				"smtp.gmail.com", 587, Faux, emailOptionSécuriséTLS) == Vrai:
		# Procédure permettant d'initialiser la structure email
		Initialise_Email()
		# Envoie l'email
		if EmailEnvoieMessage(NomUser) == Faux:
			Erreur()
		EmailFermeSession(NomUser)
	else:
		Erreur("Impossible d'établir la connexion", ErreurInfo(), \
			"En cas de Time Out, assurez-vous des paramètres du "+ \
			"\"Pare-Feu\" sur le port utilisé (587)")


def example_1(Initialise_Email: Any, sUserName: str, sPassword: str, sSMTPServer: str) -> None:
	# Send an email via a non-secure SMTP server
	EmailSetTimeOut(10) # 10 seconds for the time-out
	sSMTPServers = "smtp.orange.fr"
	if EmailStartSMTPSession(sUserName, sPassword, sSMTPServer) == True:
		# Procedure used to initialize the email structure
		Initialise_Email()
		# Sends the email
		if EmailSendMessage(sUserName) == False:
			Error()
		EmailCloseSession(sUserName)
	else:
		Error("Unable to establish connection", ErrorInfo(), \
			"In case of time-out, check the settings of the " + \
			"\"Firewall\" on the port used (25)")


def example_2(Initialise_Email: Any) -> None:
	UserName: str

	UserName = "monadresse@gmail.com"
	# Send an email via the secure SMTP protocol
	EmailSetTimeOut(10) # 10 seconds for the time-out
	if EmailStartSMTPSession(UserName, "MotDePasse", \
				"smtp.gmail.com", 587, False, emailOptionSecuredTLS) == True:
		# Procedure used to initialize the email structure
		Initialise_Email()
		# Sends the email
		if EmailSendMessage(UserName) == False:
			Error()
		EmailCloseSession(UserName)
	else:
		Error("Unable to establish connection", ErrorInfo(), \
			"In case of time-out, check the settings of the " + \
			"\"Firewall\" on the port used (587)")


# fmt: on


def initialise_email() -> None:
    EmailRAZ()
    Email.Expéditeur = "ada@example.org"
    Email.Destinataire = "client@example.org"
    Email.Sujet = "Les chiffres de l'été"
    Email.Message = "Ci-joint."


def initialize_email() -> None:
    EmailReset()
    Email.Sender = "ada@example.org"
    Email.Recipient = "client@example.org"
    Email.Subject = "Les chiffres de l'été"
    Email.Message = "Ci-joint."


in_both_languages = pytest.mark.parametrize(
    ("first", "second", "fill"),
    [(exemple_1, exemple_2, initialise_email), (example_1, example_2, initialize_email)],
    ids=["français", "English"],
)


@in_both_languages
def test_the_first_example_sends_over_a_plain_line_to_port_25(
    first: Any, second: Any, fill: Any, office: PostOffice, reach: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    reach("smtp.orange.fr", 25, office)

    first(fill, "ada", "secret", "smtp.orange.fr")

    assert capsys.readouterr().err == ""
    assert office.logins == ["PLAIN ada"]
    assert office.letter.recipients == ["client@example.org"]
    letter = message_from_bytes(office.letter.raw, policy=policy.default)
    assert letter["Subject"] == "Les chiffres de l'été"
    assert letter.get_content().strip() == "Ci-joint."
    office.wait_until_somebody_left()
    assert office.said[-1] == "QUIT"


@in_both_languages
def test_the_second_example_secures_the_line_before_it_logs_in(
    first: Any, second: Any, fill: Any, believed: Authority, reach: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    gmail = PostOffice(
        context=believed.server("smtp.gmail.com"), security="starttls", users={"monadresse@gmail.com": "MotDePasse"}
    )
    with gmail.open():
        reach("smtp.gmail.com", 587, gmail)

        second(fill)

    assert capsys.readouterr().err == ""
    assert gmail.logins == ["PLAIN monadresse@gmail.com"]
    assert [each.split()[0] for each in gmail.said[:4]] == ["EHLO", "STARTTLS", "EHLO", "AUTH"]
    assert gmail.letter.recipients == ["client@example.org"]


def test_where_nobody_answers_the_first_example_says_so_as_the_page_does(
    reach: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    LangueErreur("fr")

    exemple_1(initialise_email, "ada", "secret", "smtp.orange.fr")

    first, second, third = capsys.readouterr().err.splitlines()
    assert first == "Impossible d'établir la connexion"
    assert second.startswith("smtp.orange.fr:25 : ")
    assert third == 'En cas de Time Out, assurez-vous des paramètres du "Pare-Feu" sur le port utilisé (25)'


def test_a_refused_recipient_makes_the_example_write_the_error(
    office: PostOffice, reach: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    LangueErreur("fr")
    reach("smtp.orange.fr", 25, office)
    office.refuses["client@example.org"] = "550 5.1.1 no such user"

    exemple_1(initialise_email, "ada", "secret", "smtp.orange.fr")

    said = capsys.readouterr().err
    assert said.startswith(
        "Personne n'a reçu le message, car le serveur smtp.orange.fr:25 a refusé : "
        "client@example.org (550 5.1.1 no such user)."
    )
    assert office.letters == []
