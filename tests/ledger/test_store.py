async def test_store_answers(store):
    assert await store.ping()
