#include "tests/dispatcher/nginx.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "lib/port/unique_fd.h"
#include "tests/dispatcher/world.h"

namespace sluice::dispatcher {

namespace {

std::uint16_t free_port() {
  std::uint16_t port = 0;
  const port::UniqueFd fd = listen_on_loopback(1, port);
  return port;
}

bool takes_connections(std::uint16_t port) {
  const port::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

Nginx::Nginx(std::string folder, std::uint16_t behind, Rules rules)
    : folder_(std::move(folder)), port_(free_port()) {
  std::ofstream(folder_ + "/nginx.conf")
      << (geteuid() == 0 ? "user root;\n" : "") << "daemon off;\nworker_processes 1;\n"
      << "pid " << folder_ << "/nginx.pid;\nerror_log " << folder_ << "/error.log notice;\n"
      << "events { worker_connections 512; }\nhttp {\n"
      << "client_body_temp_path " << folder_ << "/body;\nproxy_temp_path " << folder_
      << "/proxy;\nfastcgi_temp_path " << folder_ << "/fastcgi;\nuwsgi_temp_path " << folder_
      << "/uwsgi;\nscgi_temp_path " << folder_ << "/scgi;\n"
      << "log_format attempts '$http_idempotency_key $server_protocol $connection $status';\n"
      << "access_log " << folder_ << "/access.log attempts;\n"
      << "server {\nlisten 127.0.0.1:" << port_ << (rules.tls ? " ssl" : "") << " http2;\n"
      << "ssl_certificate " << folder_ << "/server.pem;\nssl_certificate_key " << folder_
      << "/server.key;\nkeepalive_requests " << rules.keepalive_requests << ";\n"
      << "location / {\nproxy_pass http://127.0.0.1:" << behind
      << ";\nproxy_next_upstream off;\nproxy_http_version 1.1;\n"
      << "proxy_set_header Connection '';\n}\n}\n}\n";
}

Nginx::~Nginx() { kill(); }

void Nginx::start() {
  master_ = fork();
  if (master_ == 0) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    const std::string conf = folder_ + "/nginx.conf";
    const std::string errors = folder_ + "/error.log";
    execlp("nginx", "nginx", "-e", errors.c_str(), "-p", folder_.c_str(), "-c", conf.c_str(),
           nullptr);
    execl("/usr/sbin/nginx", "nginx", "-e", errors.c_str(), "-p", folder_.c_str(), "-c",
          conf.c_str(), nullptr);
    _exit(127);
  }
  for (int i = 0; i < 1000; ++i) {
    if (takes_connections(port_)) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ADD_FAILURE() << "nginx does not start (scripts/setup installs it): " << errors();
}

void Nginx::kill() {
  if (master_ <= 0) return;
  ::kill(-master_, SIGKILL);
  waitpid(master_, nullptr, 0);
  master_ = 0;
}

void Nginx::reload() { ::kill(master_, SIGHUP); }

std::multimap<std::string, Nginx::Line> Nginx::log() const {
  std::multimap<std::string, Line> lines;
  std::istringstream text(text_of(folder_ + "/access.log"));
  std::string key;
  Line line;
  while (text >> key >> line.protocol >> line.connection >> line.status) lines.emplace(key, line);
  return lines;
}

std::string Nginx::errors() const { return text_of(folder_ + "/error.log"); }

}  // namespace sluice::dispatcher
