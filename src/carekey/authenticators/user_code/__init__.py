"""The code that a person gives to an application so that it may ask for them from elsewhere (CIBA Core section 7.1,
`user_code`). It is no way to log in: whoever agrees still proves who they are with two factors."""
