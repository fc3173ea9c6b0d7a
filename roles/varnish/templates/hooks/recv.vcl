sub user_recv {
}
