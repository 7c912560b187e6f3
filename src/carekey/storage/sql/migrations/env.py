"""What Alembic runs: all revisions that are missing, in one transaction, on the connection of `migrate.upgrade`."""

from alembic import context

from carekey.storage.sql.schema import metadata

settings = context.config.attributes

with settings["engine"].connect() as connection:
    connection.exec_driver_sql(settings["alone"])
    context.configure(connection=connection, target_metadata=metadata, transactional_ddl=False)
    context.run_migrations()
    connection.commit()
