"""Validation of addresses: EmailVérifieAdresse."""

from __future__ import annotations

from courriel.errors import InvalidAddress
from courriel.failures import Text
from courriel.wlangage.errors_shown import email_call
from courriel.wlangage.problem import ErreurWLangage, Impossible, Problem, shown
from courriel.wlangage.program_state import here, program_state
from courriel.wlangage.structures.constants import Checking, Verdict


@email_call(Verdict.ERREUR)
def EmailVérifieAdresse(Adresse: str, Niveau: int = Checking.PAR_SERVEUR) -> Verdict:
    """Check whether an address can receive mail; returns one of four values, ErreurInfo has the reason.

        EmailVérifieAdresse(Adresse [, Niveau = emailValideParServeur])

    `emailValideSyntaxe` checks the syntax only, as sending does. `emailValideParServeur` also looks up the domain's MX
    records: emailAdresseRefusée when there are none, emailAdresseErreur when the name server does not answer. The mail
    server itself is not contacted: most accept any recipient at this point, or do not answer unknown clients.
    """
    from courriel import Address

    if not isinstance(Adresse, str) or isinstance(Niveau, bool) or Niveau not in set(Checking):
        raise ErreurWLangage(
            "attendu : EmailVérifieAdresse(Adresse [, emailValideSyntaxe | emailValideParServeur])",
            "expected: EmailCheckAddress(Address [, emailValidateSyntax | emailValidateByServer])",
        )
    try:
        address = Address.parse(Adresse)
    except InvalidAddress as wrong:
        here().problem = Problem.of(
            Impossible(
                f"« {shown(Adresse)} » n'est pas une adresse.", f'"{shown(Adresse)}" is not an address.', because=wrong
            )
        )
        return Verdict.SYNTAXE_INCORRECTE
    if Niveau == Checking.SYNTAXE or address.domain.startswith("["):
        return Verdict.VALIDE
    if program_state.elsewhere is not None:
        here().problem = Problem.notice(
            Text(
                "Pendant un essai (--sandbox, --via) seule la syntaxe de l'adresse est vérifiée.",
                "During a trial (--sandbox, --via) only the syntax of the address is checked.",
            )
        )
        return Verdict.VALIDE
    return _by_name_service(address.dns_domain)


# The steps.


def _by_name_service(domain: str) -> Verdict:
    """Whether the domain accepts mail, by its MX records."""
    from courriel.delivery.domain import takes_mail

    if takes_mail(domain, program_state.timeouts.connect):
        return Verdict.VALIDE
    here().problem = Problem.of(
        Impossible(
            f"Le domaine « {domain} » n'existe pas, ou ne reçoit pas de courrier.",
            f'The domain "{domain}" does not exist, or takes no mail.',
            hint_id="HOST-NOT-FOUND",
        )
    )
    return Verdict.REFUSÉE
