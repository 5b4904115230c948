//! WebSocket (RFC 6455), without the socket.
