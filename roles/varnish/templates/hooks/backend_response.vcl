sub user_backend_response {
}
