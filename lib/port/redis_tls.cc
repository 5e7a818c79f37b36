#include "lib/port/redis_tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "lib/base/check.h"

namespace sluice::port {

namespace {

using Step = RedisSocket::Step;

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using Context = std::unique_ptr<SSL_CTX, FreeContext>;

SSL* session(void* ssl) { return static_cast<SSL*>(ssl); }

std::string openssl_reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "no reason given" : reason;
}

Error cannot_use(const std::string& setting, const std::string& file) {
  return {Trouble::kSettings, "TLS: " + setting + " " + file + ": " + openssl_reason()};
}

Status load_files(SSL_CTX* context, const RedisTls& tls) {
  if (tls.ca_file.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) != 1) {
      return cannot_use("the system's authorities", "");
    }
  } else if (SSL_CTX_load_verify_locations(context, tls.ca_file.c_str(), nullptr) != 1) {
    return cannot_use("CA file", tls.ca_file);
  }
  if (tls.certificate_file.empty() != tls.key_file.empty()) {
    return Error{Trouble::kSettings, "TLS: a client certificate and its key go together"};
  }
  if (tls.certificate_file.empty()) return Done{};
  if (SSL_CTX_use_certificate_chain_file(context, tls.certificate_file.c_str()) != 1) {
    return cannot_use("certificate", tls.certificate_file);
  }
  if (SSL_CTX_use_PrivateKey_file(context, tls.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return cannot_use("key", tls.key_file);
  }
  return Done{};
}

Result<Context> make_context(const RedisTls& tls) {
  // OpenSSL writes into sockets that the peer may have closed.
  (void)std::signal(SIGPIPE, SIG_IGN);
  ERR_clear_error();
  Context context(SSL_CTX_new(TLS_client_method()));
  CHECK(context != nullptr);
  CHECK(SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) == 1);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  // What is written next may lie elsewhere: it is the same bytes in a string that grew.
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (const Status loaded = load_files(context.get(), tls); !loaded) return loaded.error();
  return context;
}

bool is_numeric(const std::string& name) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return inet_pton(AF_INET, name.c_str(), bytes.data()) == 1 ||
         inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1;
}

// Addresses are in certificates, too, but no server is asked for by one (RFC 6066, 3).
bool expect_name(SSL* ssl, const std::string& name) {
  if (is_numeric(name)) {
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str()) == 1;
  }
  // SSL_set_tlsext_host_name, whose macro has an old cast.
  void* asked = const_cast<char*>(name.c_str());
  return SSL_set1_host(ssl, name.c_str()) == 1 &&
         SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, asked) == 1;
}

}  // namespace

Result<std::unique_ptr<RedisTlsSession>> RedisTlsSession::make(const RedisTls& tls,
                                                               const std::string& name, int fd) {
  Result<Context> context = make_context(tls);
  if (!context) return context.error();
  std::unique_ptr<RedisTlsSession> made(new RedisTlsSession(SSL_new(context->get())));
  SSL* ssl = session(made->ssl_);
  CHECK(ssl != nullptr);
  if (!expect_name(ssl, name) || SSL_set_fd(ssl, fd) != 1) {
    return Error{Trouble::kSettings, "TLS: name " + name + ": " + openssl_reason()};
  }
  SSL_set_connect_state(ssl);
  return made;
}

RedisTlsSession::~RedisTlsSession() { SSL_free(session(ssl_)); }

// Nobody waits for a goodbye: an answer that is cut short is seen by the reader.
Step RedisTlsSession::step_after(int result) {
  const int saved = errno;
  SSL* ssl = session(ssl_);
  const int error = SSL_get_error(ssl, result);
  if (error == SSL_ERROR_WANT_READ) return Step::kWantsRead;
  if (error == SSL_ERROR_WANT_WRITE) return Step::kWantsWrite;
  const long verified = SSL_get_verify_result(ssl);
  if (SSL_is_init_finished(ssl) == 0 && verified != X509_V_OK) {
    ERR_clear_error();
    why_ = std::string("TLS: the server's certificate is refused: ") +
           X509_verify_cert_error_string(verified);
  } else if (error == SSL_ERROR_ZERO_RETURN || (error == SSL_ERROR_SYSCALL && saved == 0)) {
    why_ = "closed by the server";
  } else if (error == SSL_ERROR_SYSCALL) {
    why_ = std::strerror(saved);
  } else {
    why_ = "TLS: " + openssl_reason();
  }
  return Step::kBroken;
}

Step RedisTlsSession::shake() {
  ERR_clear_error();
  errno = 0;
  const int done = SSL_do_handshake(session(ssl_));
  return done == 1 ? Step::kDone : step_after(done);
}

RedisSocket::Moved RedisTlsSession::read(std::span<char> into) {
  ERR_clear_error();
  errno = 0;
  std::size_t got = 0;
  const int done = SSL_read_ex(session(ssl_), into.data(), into.size(), &got);
  if (done == 1) return {got, Step::kDone};
  return {0, step_after(done)};
}

RedisSocket::Moved RedisTlsSession::write(std::string_view bytes) {
  ERR_clear_error();
  errno = 0;
  std::size_t sent = 0;
  const int done = SSL_write_ex(session(ssl_), bytes.data(), bytes.size(), &sent);
  if (done == 1) return {sent, Step::kDone};
  return {0, step_after(done)};
}

bool RedisTlsSession::buffered() const { return SSL_has_pending(session(ssl_)) == 1; }

Status check_redis_tls(const RedisTls& tls) {
  const auto context = make_context(tls);
  return context ? Status(Done{}) : Status(context.error());
}

}  // namespace sluice::port
