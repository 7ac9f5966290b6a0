"""Ready lines for programs that are to send to the sandbox: one for each framework, to be pasted."""

from __future__ import annotations


def ready_lines(host: str, port: int) -> dict[str, str]:
    """Settings by the name of the framework, for the port without TLS."""
    shown = f"[{host}]" if ":" in host else host
    return {
        "Django": f'EMAIL_HOST = "{host}"; EMAIL_PORT = {port}',
        "Flask": f'MAIL_SERVER = "{host}"; MAIL_PORT = {port}',
        "Node": f'nodemailer.createTransport("smtp://{shown}:{port}")',
        "PHP": f"MAILER_DSN=smtp://{shown}:{port}",
        "Rails": f'config.action_mailer.smtp_settings = {{ address: "{host}", port: {port} }}',
        "WINDEV": f'EmailOuvreSessionSMTP("moi", "", "{host}", {port})',
    }
