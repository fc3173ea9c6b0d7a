sub user_backend_fetch {
}
