#include "dm/vnc/libgnutls.hpp"

#include "dm/core/shared_library.hpp"

#include <mutex>

namespace dm::vnc {
namespace {

void find_all(SharedLibrary& file, LibGnuTls& out) {
    file.find(out.strerror, "gnutls_strerror");
    file.find(out.free, "gnutls_free");
    file.find(out.hash_fast, "gnutls_hash_fast");
    file.find(out.base64_encode2, "gnutls_base64_encode2");
    file.find(out.priority_init, "gnutls_priority_init");
    file.find(out.priority_deinit, "gnutls_priority_deinit");
    file.find(out.priority_set, "gnutls_priority_set");
    file.find(out.anon_allocate_server_credentials, "gnutls_anon_allocate_server_credentials");
    file.find(out.anon_free_server_credentials, "gnutls_anon_free_server_credentials");
    file.find(out.anon_set_server_known_dh_params, "gnutls_anon_set_server_known_dh_params");
    file.find(out.certificate_allocate_credentials, "gnutls_certificate_allocate_credentials");
    file.find(out.certificate_free_credentials, "gnutls_certificate_free_credentials");
    file.find(out.certificate_set_known_dh_params, "gnutls_certificate_set_known_dh_params");
    file.find(out.certificate_set_x509_key_file2, "gnutls_certificate_set_x509_key_file2");
    file.find(out.certificate_set_x509_trust_file, "gnutls_certificate_set_x509_trust_file");
    file.find(out.certificate_set_x509_crl_file, "gnutls_certificate_set_x509_crl_file");
    file.find(out.certificate_server_set_request, "gnutls_certificate_server_set_request");
    file.find(out.certificate_verify_peers2, "gnutls_certificate_verify_peers2");
    file.find(out.certificate_verification_status_print, "gnutls_certificate_verification_status_print");
    file.find(out.credentials_set, "gnutls_credentials_set");
    file.find(out.init, "gnutls_init");
    file.find(out.deinit, "gnutls_deinit");
    file.find(out.transport_set_int2, "gnutls_transport_set_int2");
    file.find(out.handshake, "gnutls_handshake");
    file.find(out.handshake_set_max_packet_length, "gnutls_handshake_set_max_packet_length");
    file.find(out.error_is_fatal, "gnutls_error_is_fatal");
    file.find(out.record_recv, "gnutls_record_recv");
    file.find(out.record_send, "gnutls_record_send");
    file.find(out.record_check_pending, "gnutls_record_check_pending");
    file.find(out.record_get_direction, "gnutls_record_get_direction");
    file.find(out.bye, "gnutls_bye");
}

} // namespace

Result<const LibGnuTls*> LibGnuTls::load() {
    static LibGnuTls library;
    static bool loaded = false;
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    if (loaded) return &library;
    DM_TRY_ASSIGN(SharedLibrary file, SharedLibrary::open("libgnutls.so.30", "libgnutls30"));
    find_all(file, library);
    DM_TRY(file.complete("GnuTLS 3.7"));
    loaded = true;
    return &library;
}

} // namespace dm::vnc
