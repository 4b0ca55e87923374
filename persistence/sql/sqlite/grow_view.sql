UPDATE cluster_view SET version = version + 1
