// The browser's certificate as RFC 9440 section 2.1 writes it: a byte sequence, DER in base64 between colons.
function header(r) {
    var pem = r.variables.ssl_client_raw_cert;
    return pem ? ':' + pem.replace(/-----[A-Z ]+-----|\s/g, '') + ':' : '';
}

export default { header };
