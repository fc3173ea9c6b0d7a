sub user_hash {
}
