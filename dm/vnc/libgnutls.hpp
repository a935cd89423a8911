// GnuTLS, loaded where viewers come by TLS or WebSocket.
#pragma once

#include "dm/core/result.hpp"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

namespace dm::vnc {

struct LibGnuTls {
    // By their names without gnutls_.
    decltype(&::gnutls_strerror) strerror = nullptr;
    decltype(&::gnutls_free) free = nullptr; ///< a variable
    decltype(&::gnutls_hash_fast) hash_fast = nullptr;
    decltype(&::gnutls_base64_encode2) base64_encode2 = nullptr;
    decltype(&::gnutls_priority_init) priority_init = nullptr;
    decltype(&::gnutls_priority_deinit) priority_deinit = nullptr;
    decltype(&::gnutls_priority_set) priority_set = nullptr;
    decltype(&::gnutls_anon_allocate_server_credentials) anon_allocate_server_credentials = nullptr;
    decltype(&::gnutls_anon_free_server_credentials) anon_free_server_credentials = nullptr;
    decltype(&::gnutls_anon_set_server_known_dh_params) anon_set_server_known_dh_params = nullptr;
    decltype(&::gnutls_certificate_allocate_credentials) certificate_allocate_credentials = nullptr;
    decltype(&::gnutls_certificate_free_credentials) certificate_free_credentials = nullptr;
    decltype(&::gnutls_certificate_set_known_dh_params) certificate_set_known_dh_params = nullptr;
    decltype(&::gnutls_certificate_set_x509_key_file2) certificate_set_x509_key_file2 = nullptr;
    decltype(&::gnutls_certificate_set_x509_trust_file) certificate_set_x509_trust_file = nullptr;
    decltype(&::gnutls_certificate_set_x509_crl_file) certificate_set_x509_crl_file = nullptr;
    decltype(&::gnutls_certificate_server_set_request) certificate_server_set_request = nullptr;
    decltype(&::gnutls_certificate_verify_peers2) certificate_verify_peers2 = nullptr;
    decltype(&::gnutls_certificate_verification_status_print) certificate_verification_status_print = nullptr;
    decltype(&::gnutls_credentials_set) credentials_set = nullptr;
    decltype(&::gnutls_init) init = nullptr;
    decltype(&::gnutls_deinit) deinit = nullptr;
    decltype(&::gnutls_transport_set_int2) transport_set_int2 = nullptr;
    decltype(&::gnutls_handshake) handshake = nullptr;
    decltype(&::gnutls_handshake_set_max_packet_length) handshake_set_max_packet_length = nullptr;
    decltype(&::gnutls_error_is_fatal) error_is_fatal = nullptr;
    decltype(&::gnutls_record_recv) record_recv = nullptr;
    decltype(&::gnutls_record_send) record_send = nullptr;
    decltype(&::gnutls_record_check_pending) record_check_pending = nullptr;
    decltype(&::gnutls_record_get_direction) record_get_direction = nullptr;
    decltype(&::gnutls_bye) bye = nullptr;

    /// From any thread. The error names the package.
    static Result<const LibGnuTls*> load();
};

} // namespace dm::vnc
