//! Tokens in, callers or refusals out.

use std::io::Write;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rsa::RsaPrivateKey;
use rsa::pkcs1::{EncodeRsaPrivateKey, EncodeRsaPublicKey, LineEnding};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tonic::Code;

use super::*;
use crate::config::AuthConfig;

const SECRET: &[u8] = b"a secret of more than thirty-two bytes";

/// One RSA key for all tests: making one takes a second.
fn rsa_key() -> &'static RsaPrivateKey {
    static KEY: OnceLock<RsaPrivateKey> = OnceLock::new();
    KEY.get_or_init(|| RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap())
}

fn signing_key() -> EncodingKey {
    EncodingKey::from_rsa_der(rsa_key().to_pkcs1_der().unwrap().as_bytes())
}

fn file(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn jwks(ids: &[&str]) -> NamedTempFile {
    let key = |id: &&str| {
        let mut key = Jwk::from_encoding_key(&signing_key(), Algorithm::RS256).unwrap();
        key.common.key_id = Some((*id).into());
        key
    };
    file(&serde_json::to_vec(&JwkSet { keys: ids.iter().map(key).collect() }).unwrap())
}

fn config() -> AuthConfig {
    AuthConfig {
        enabled: true,
        issuer: "https://login".into(),
        audience: "seats".into(),
        ..AuthConfig::default()
    }
}

fn verifier() -> Verifier {
    let (secret, keys) = (file(&[SECRET, b"\n"].concat()), jwks(&["k1", "k2"]));
    Verifier::new(&AuthConfig {
        hs256_secret_file: Some(secret.path().into()),
        jwks_file: Some(keys.path().into()),
        ..config()
    })
    .unwrap()
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn claims() -> Value {
    json!({"sub": "alice", "iss": "https://login", "aud": "seats", "exp": now_s() + 60, "roles": ["buyer"]})
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn hs256(claims: &Value) -> String {
    encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(SECRET)).unwrap()
}

fn rs256(kid: Option<&str>) -> String {
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::RS256) };
    encode(&header, &claims(), &signing_key()).unwrap()
}

fn call(verifier: &Verifier, authorization: &str) -> Result<Caller, Status> {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", authorization.parse().unwrap());
    verifier.caller(&headers)
}

#[track_caller]
fn refused(token: &str, code: Code, message: &str) {
    let status = call(&verifier(), &format!("Bearer {token}")).unwrap_err();
    assert_eq!((status.code(), status.message()), (code, message));
    let reason = if code == Code::Unauthenticated { "UNAUTHENTICATED" } else { "PERMISSION_DENIED" };
    assert_eq!(status.get_details_error_info().unwrap().reason, reason);
}

#[test]
fn good_tokens_are_taken() {
    let verifier = verifier();
    for token in [hs256(&claims()), rs256(Some("k1")), rs256(Some("k2"))] {
        call(&verifier, &format!("Bearer {token}")).unwrap().may_act_for("alice").unwrap();
        call(&verifier, &format!("bearer {token}")).unwrap();
    }
    call(&verifier, &format!("Bearer {}", hs256(&with("roles", json!("bff")))))
        .unwrap()
        .require_bff()
        .unwrap();
    call(&verifier, &format!("Bearer {}", hs256(&with("aud", json!(["x", "seats"]))))).unwrap();
    // Within the leeway of ten seconds.
    call(&verifier, &format!("Bearer {}", hs256(&with("exp", json!(now_s() - 3))))).unwrap();
}

#[test]
fn claims_that_do_not_fit_are_refused() {
    let refused = |claims: Value, message| refused(&hs256(&claims), Code::Unauthenticated, message);
    refused(with("exp", json!(now_s() - 60)), "the token has expired");
    refused(with("nbf", json!(now_s() + 60)), "the token is not valid yet");
    refused(with("iss", json!("https://other")), "the token has another issuer");
    refused(with("aud", json!("other")), "the token is for another audience");
    for claim in ["exp", "iss", "aud"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(claim);
        refused(claims, "the token lacks one of exp, iss, aud and sub");
    }
    refused(json!({"roles": 1}), "the token is malformed");
}

#[test]
fn what_a_node_sends_on_may_have_expired_but_nothing_else() {
    let forwarded = |claims: &Value| {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("Bearer {}", hs256(claims)).parse().unwrap());
        verifier().forwarded_caller(&headers).map(drop).map_err(|status| status.message().to_owned())
    };
    assert_eq!(forwarded(&with("exp", json!(now_s() - 60))), Ok(()));
    assert_eq!(forwarded(&with("aud", json!("other"))), Err("the token is for another audience".to_owned()));
    assert_eq!(forwarded(&with("nbf", json!(now_s() + 60))), Err("the token is not valid yet".to_owned()));
}

#[test]
fn a_token_without_a_known_role_is_denied() {
    let message = "the token's roles hold none of buyer, bff and admin";
    refused(&hs256(&with("roles", json!(["root"]))), Code::PermissionDenied, message);
    refused(&hs256(&with("roles", json!([]))), Code::PermissionDenied, message);
}

#[test]
fn algorithms_cannot_be_confused() {
    let accepted = "the token's algorithm is not accepted";
    let encode_part = |value: &Value| {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
    };
    // Unsigned.
    let none = format!("{}.{}.", encode_part(&json!({"alg": "none", "typ": "JWT"})), encode_part(&claims()));
    refused(&none, Code::Unauthenticated, "the token is malformed");
    // Signed with the public key as if it were a secret.
    let public = rsa_key().to_public_key();
    for key in [
        public.to_pkcs1_der().unwrap().as_bytes().to_vec(),
        public.to_pkcs1_pem(LineEnding::LF).unwrap().into_bytes(),
        jwks_bytes(),
    ] {
        let header = Header { kid: Some("k1".into()), ..Header::new(Algorithm::HS256) };
        let token = encode(&header, &claims(), &EncodingKey::from_secret(&key)).unwrap();
        refused(&token, Code::Unauthenticated, "the token's signature is wrong");
    }
    // An algorithm of the same family.
    let token = encode(&Header::new(Algorithm::HS512), &claims(), &EncodingKey::from_secret(SECRET)).unwrap();
    refused(&token, Code::Unauthenticated, accepted);
    // A signature of another token.
    let (good, other) = (hs256(&claims()), hs256(&with("sub", json!("bob"))));
    let forged = format!("{}.{}", good.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1);
    refused(&forged, Code::Unauthenticated, "the token's signature is wrong");

    // With one kind of key alone, the other kind of token is refused.
    let keys = jwks(&["k1"]);
    let only_rsa = Verifier::new(&AuthConfig { jwks_file: Some(keys.path().into()), ..config() }).unwrap();
    assert_eq!(call(&only_rsa, &format!("Bearer {}", hs256(&claims()))).unwrap_err().message(), accepted);
    call(&only_rsa, &format!("Bearer {}", rs256(None))).unwrap();
}

fn jwks_bytes() -> Vec<u8> {
    std::fs::read(jwks(&["k1"]).path()).unwrap()
}

#[test]
fn a_key_is_chosen_by_its_id() {
    refused(&rs256(Some("k3")), Code::Unauthenticated, "the token's kid is not known");
    refused(&rs256(None), Code::Unauthenticated, "the token's kid is not known");
}

#[test]
fn headers_that_hold_no_token_are_refused() {
    let verifier = verifier();
    assert_eq!(verifier.caller(&HeaderMap::new()).unwrap_err().message(), "no authorization header");
    for header in ["", "Bearer", "Bearer ", "Basic x", &format!("Bearer {}", "x".repeat(9000))] {
        let status = call(&verifier, header).unwrap_err();
        assert_eq!(status.message(), "the authorization header must be: Bearer <token>");
    }
    assert_eq!(call(&verifier, "Bearer a.b").unwrap_err().message(), "the token is malformed");
}

#[test]
fn roles_decide() {
    let buyer = Caller::new("alice", [Role::Buyer]);
    buyer.may_act_for("alice").unwrap();
    for refused in [buyer.may_act_for("bob"), buyer.require_bff(), buyer.require_admin()] {
        assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    }
    let bff = Caller::new("web", [Role::Bff]);
    bff.may_act_for("anyone").unwrap();
    bff.require_bff().unwrap();
    assert_eq!(bff.require_admin().unwrap_err().code(), Code::PermissionDenied);
    let admin = Caller::new("ops", [Role::Admin]);
    admin.may_act_for("anyone").and(admin.require_bff()).and(admin.require_admin()).unwrap();
    Caller::default().require_admin().unwrap();
}

#[test]
fn keys_that_cannot_be_used_are_named() {
    let (short, garbage) = (file(b"short\n"), file(b"{}"));
    let check = |config: AuthConfig, expected: &str| {
        let error = Verifier::new(&config).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(
        AuthConfig { hs256_secret_file: Some("no/such".into()), ..config() },
        "auth.hs256_secret_file: cannot read",
    );
    check(
        AuthConfig { hs256_secret_file: Some(short.path().into()), ..config() },
        "the secret has 5 bytes; at least 32 are needed",
    );
    check(
        AuthConfig { jwks_file: Some(garbage.path().into()), ..config() },
        "not a JWK set: missing field `keys`",
    );
    let twice = jwks(&["k", "k"]);
    check(AuthConfig { jwks_file: Some(twice.path().into()), ..config() }, "two keys have the kid");
}
