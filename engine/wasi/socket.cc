// There are no sockets: every open descriptor is something else.
#include "handlers.hh"

namespace nacre::wasi {
namespace {

Errno refuse_as_socket(Call& call) {
  WASI_TRY(find_descriptor(call, call.u32(0), 0));
  return Errno::NotSocket;
}

}  // namespace

Errno sock_accept(Call& call) {
  return refuse_as_socket(call);
}
Errno sock_recv(Call& call) {
  return refuse_as_socket(call);
}
Errno sock_send(Call& call) {
  return refuse_as_socket(call);
}
Errno sock_shutdown(Call& call) {
  return refuse_as_socket(call);
}

}  // namespace nacre::wasi
