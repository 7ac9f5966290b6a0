UserName is string

UserName = "myaddress@gmail.com"
// Sends an email by the secure SMTP protocol
EmailSetTimeOut(10) // 10 seconds
IF EmailStartSMTPSession(UserName, "Password", ...
			"smtp.gmail.com", 587, False, emailOptionSecuredTLS) = True THEN
	// Procedure that initializes the email structure
	Initialize_Email()
	IF EmailSendMessage(UserName) = False THEN
		Error()
	END
	EmailCloseSession(UserName)
ELSE
	Error("Unable to establish the connection", ErrorInfo(), ...
		"In case of a time out, check the settings of the "+ ...
		"""Firewall"" on the port used (587)")
END
