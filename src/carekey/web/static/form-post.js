// The page that carries an answer to the application (OAuth 2.0 Form Post Response Mode) has one form; send it.
HTMLFormElement.prototype.submit.call(document.forms[0]);
