//! Who is trusted: the certificate authorities that the machine trusts, and those that Mozilla does.
//!
//! Recognisers and voices often run in the operator's own network under an authority of his own; that one stands in the machine's store
//! (or in `SSL_CERT_FILE`). A container without a store still reaches the public services.

use std::sync::{Arc, LazyLock};

use rustls::{ClientConfig, RootCertStore};

/// The configuration of all our connections. Reading the store takes some milliseconds, once.
pub(crate) fn config() -> Arc<ClientConfig> {
    static CONFIG: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| Arc::new(load()));
    CONFIG.clone()
}

fn load() -> ClientConfig {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    // A certificate that cannot be read is one that is not trusted.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has what TLS 1.2 and 1.3 need")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
