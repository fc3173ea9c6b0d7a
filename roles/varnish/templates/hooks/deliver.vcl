sub user_deliver {
}
